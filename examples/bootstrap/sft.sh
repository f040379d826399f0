#!/bin/sh
# Tune the bundled upstream on the chosen replies alone, with the package's own command:
#   examples/bootstrap/sft.sh PAIRS.jsonl OUT [UPSTREAM]
set -eu
bundled=$(python -c "from stream_aligner_lc.sums import pair; print(pair.UPSTREAM)")
exec python -m stream_aligner_lc train "$1" --out "$2" --model "${3:-$bundled}" --template reply --held-out-share 0 \
    --rate 3e-4 --schedule linear --warm-up 0 --epochs 3 --batch 8 --accumulation 1 --max-tokens 512 --device cpu
