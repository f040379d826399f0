"""How much work something is, without a clock: lines of Python, which are as many on every machine."""

import sys


def steps(call):
    """Return how many lines are run while `call` is; what C does, such as a regular expression, is one of them."""
    num, before = 0, sys.gettrace()

    def count(_frame, event, _argument):
        nonlocal num
        num += event == "line"
        return count

    sys.settrace(count)
    try:
        call()
    finally:
        sys.settrace(before)
    return num
