"""The scripted upstream itself, with nobody between it and its reader."""

import asyncio

from work import Result, Upstream, Work, ameasure, answer


def arm(work: Work) -> Result:
    """Read the upstream as it speaks."""
    return asyncio.run(ameasure(work, Upstream.aspeak))


if __name__ == "__main__":
    answer(arm)
