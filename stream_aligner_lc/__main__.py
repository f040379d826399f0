"""Run a command: `python -m stream_aligner_lc demo`."""

import sys

from stream_aligner_lc.cli import main

if __name__ == "__main__":
    sys.exit(main())
