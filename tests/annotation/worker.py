"""The command in a process of its own, with doubles in place of models.

The upstream `slow` takes SECONDS for each of its chunks; for the files ASKED and HOLD see `Noting`.
"""

import os
import sys

from stream_aligner_lc import cli, named
from tests.annotation.doubles import Editor, Noting


def model_named(name, **options):
    """Return a double; the options are those of the upstream."""
    if name == "teacher":
        return Editor({"It is odd.": "", "No.": {"raw": "Hm."}})
    return Noting(
        {}, default="It is bad. It is odd.  No.\n\n- So bad\n- é", delay=float(os.environ.get("SECONDS", "0"))
    )


if __name__ == "__main__":
    named.model_named = model_named
    sys.exit(cli.main(sys.argv[1:]))
