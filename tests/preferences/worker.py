"""The command in a process of its own, with doubles in place of models.

The upstream takes SECONDS for each of its chunks; for the files ASKED and HOLD see `Noting`.
"""

import os
import sys

from stream_aligner_lc import cli, named
from tests.annotation.doubles import Editor, Noting


def model_named(name, **options):
    """Return a double."""
    if name == "provider:teacher":
        return Editor({"It is odd.": ""})
    return Noting({}, default="Well. It is bad. It is odd. So bad.\n\n- é", delay=float(os.environ["SECONDS"]))


if __name__ == "__main__":
    named.model_named = model_named
    sys.exit(cli.main(["export-preferences", *sys.argv[1:]]))
