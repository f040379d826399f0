"""The command in a process of its own, with doubles in place of models.

The upstream takes SECONDS for each of its chunks; each question that is asked is noted in the file ASKED.
"""

import os
import sys
from pathlib import Path

from stream_aligner_lc import cli, named
from tests.annotation.doubles import Editor, Upstream


class Slow(Upstream):
    """Note what is asked."""

    def turn(self, messages, **kwargs):
        if messages[-1].type == "human":
            with Path(os.environ["ASKED"]).open("a") as file:
                file.write(f"{messages[-1].text}\n")
        return super().turn(messages, **kwargs)


def model_named(name, **options):
    """Return a double."""
    if name == "provider:teacher":
        return Editor({"It is odd.": ""})
    return Slow({}, default="Well. It is bad. It is odd. So bad.\n\n- é", delay=float(os.environ["SECONDS"]))


if __name__ == "__main__":
    named.model_named = model_named
    sys.exit(cli.main(["export-preferences", *sys.argv[1:]]))
