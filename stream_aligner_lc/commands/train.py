"""`stream-aligner train`: rows in, an aligner (or an upstream) out."""

from __future__ import annotations

import argparse
from typing import Any

from stream_aligner_lc.commands.arguments import not_negative, positive
from stream_aligner_lc.errors import ConfigurationError

_DESCRIPTION = """\
Fine-tune a causal language model on corrected sentences (question, prefix, last, correction, perhaps end), in the
template in which it will serve; the folder that comes out loads in TransformersAligner with no further argument. With
--template reply an upstream is tuned instead, on replies (question or messages, perhaps prefix, answer). What was
interrupted goes on with the same command. On several processes: accelerate launch -m stream_aligner_lc train ..."""


def add(commands: Any) -> None:
    """Add the command to the subparsers of the program."""
    parser = commands.add_parser("train", help="train an aligner on corrected sentences", description=_DESCRIPTION)
    parser.add_argument(
        "rows", nargs="+", metavar="ROWS", help="JSON lines, JSON, CSV or Parquet, or a data set's folder"
    )
    parser.add_argument("--model", required=True, metavar="FOLDER", help="what to start from: a folder or a hub id")
    parser.add_argument("--out", required=True, metavar="FOLDER", help="the folder to write")
    _add_what(parser)
    _add_how(parser)
    parser.add_argument("--restart", action="store_true", help="discard what an interrupted run has done")
    parser.add_argument("--overwrite", action="store_true", help="replace the folder if it is there")
    parser.set_defaults(run=_run)


def _add_what(parser: argparse.ArgumentParser) -> None:
    what = parser.add_argument_group("what is learned")
    what.add_argument(
        "--template",
        default="verdict",
        metavar="NAME",
        help="verdict (default), stream-aligner, aligner, aligner-v1; or reply, for an upstream",
    )
    what.add_argument(
        "--granularity",
        choices=("sentence", "paragraph", "response"),
        default="sentence",
        help="what a row corrects; response for whole answers (default: sentence)",
    )
    what.add_argument("--held-out", metavar="ROWS", help="rows to look at beside the training, by default a share")
    what.add_argument(
        "--held-out-share", type=float, default=0.02, metavar="SHARE", help="of the questions (default: 0.02)"
    )
    what.add_argument(
        "--copy-share", type=float, default=0.2, metavar="SHARE", help="of the rows, for the copy stage (default: 0.2)"
    )
    what.add_argument("--copy-epochs", type=float, default=1.0, metavar="N", help="of the copy stage (default: 1)")
    what.add_argument(
        "--learns-text",
        action="store_true",
        help="learn the released text too: for a model that starts from nothing and knows no task yet",
    )
    what.add_argument(
        "--caution",
        type=not_negative,
        default=0.0,
        metavar="X",
        help="how much more probable a change must be than what stands, as a difference of logits (default: 0)",
    )
    what.add_argument(
        "--figures-rows",
        type=_count,
        default=100,
        metavar="N",
        help="held-out rows that are corrected at every look; 0 for none (default: 100)",
    )


def _add_how(parser: argparse.ArgumentParser) -> None:
    how = parser.add_argument_group("how it is learned")
    how.add_argument("--epochs", type=float, default=3.0, metavar="N", help="default: 3")
    how.add_argument(
        "--rate", type=float, default=2e-5, metavar="RATE", help="the highest learning rate (default: 2e-5)"
    )
    how.add_argument("--schedule", choices=("cosine", "linear", "constant"), default="cosine", help="default: cosine")
    how.add_argument("--warm-up", type=float, default=0.03, metavar="SHARE", help="of the steps (default: 0.03)")
    how.add_argument(
        "--muon-rate",
        type=float,
        metavar="RATE",
        help="train the matrices with Muon at this rate, the rest with AdamW (default: AdamW for all)",
    )
    how.add_argument("--weight-decay", type=not_negative, default=0.0, metavar="X", help="default: 0")
    how.add_argument("--beta2", type=float, default=0.95, metavar="X", help="of AdamW (default: 0.95)")
    how.add_argument("--batch", type=positive, default=4, metavar="N", help="rows a process and pass (default: 4)")
    how.add_argument("--accumulation", type=positive, default=2, metavar="N", help="passes a step (default: 2)")
    how.add_argument("--max-tokens", type=positive, default=4096, metavar="N", help="of a row (default: 4096)")
    how.add_argument("--lora-rank", type=positive, metavar="RANK", help="train an adapter instead of all weights")
    how.add_argument("--merge", action="store_true", help="merge the adapter into the model at the end")
    how.add_argument("--dtype", choices=("auto", "float32", "bfloat16"), default="auto", help="of the passes")
    how.add_argument("--checkpointing", action="store_true", help="compute activations twice, to save memory")
    how.add_argument(
        "--joins",
        action="store_true",
        help="read what the sentences of a reply have in common once: several times faster; a batch counts replies",
    )
    how.add_argument("--packing", action="store_true", help="pack rows into one; needs flash attention")
    how.add_argument(
        "--evaluate-every", type=positive, metavar="STEPS", help="look and save so often (default: ten times in all)"
    )
    how.add_argument("--seed", type=int, default=42, metavar="N", help="default: 42")
    how.add_argument("--threads", type=positive, metavar="N", help="of torch on a processor")
    how.add_argument("--device", choices=("auto", "cpu"), default="auto", help="cpu even where there is a GPU")


def _count(text: str) -> int:
    return 0 if text == "0" else positive(text)


def _run(options: argparse.Namespace) -> None:
    from stream_aligner_lc.training.settings import Settings  # noqa: PLC0415

    # Before torch is there: what was asked wrongly shows at once.
    given = vars(options)
    settings = Settings(**{name: given[name] for name in Settings.names() if name in given})
    try:
        from stream_aligner_lc.training.run import train  # noqa: PLC0415
        from stream_aligner_lc.training.screen import show  # noqa: PLC0415
    except ModuleNotFoundError as fault:
        raise ConfigurationError(
            f"Training needs {fault.name}, which is not installed: pip install 'stream-aligner-lc[train]'."
        ) from fault
    except ImportError as fault:
        raise ConfigurationError(
            f"Training needs other versions than those installed: {fault}. pip install -U 'stream-aligner-lc[train]'."
        ) from fault
    show(train(settings, overwrites=options.overwrite, restarts=options.restart))
