"""The command in a process of its own, with doubles in place of models.

The upstream `slow` takes SECONDS for each of its chunks and waits while the file HOLD is there; each question that is
asked is noted in the file ASKED.
"""

import asyncio
import os
import sys
from contextlib import aclosing
from pathlib import Path

from stream_aligner_lc import cli, named
from tests.annotation.doubles import Editor, Noting


class Slow(Noting):
    """Take time, and note what is asked."""

    async def _astream(self, *args, **kwargs):
        while Path(os.environ["HOLD"]).exists():
            await asyncio.sleep(0.01)
        async with aclosing(super()._astream(*args, **kwargs)) as chunks:
            async for chunk in chunks:
                yield chunk


def model_named(name, **options):
    """Return a double; the options are those of the upstream."""
    if name == "teacher":
        return Editor({"It is odd.": "", "No.": {"raw": "Hm."}})
    return Slow({}, default="It is bad. It is odd.  No.\n\n- So bad\n- é", delay=float(os.environ.get("SECONDS", "0")))


if __name__ == "__main__":
    named.model_named = model_named
    sys.exit(cli.main(sys.argv[1:]))
