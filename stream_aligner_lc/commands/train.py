"""`stream-aligner train`: rows in, an aligner (or an upstream) out."""

from __future__ import annotations

from functools import partial
from typing import Any

import click

from stream_aligner_lc.commands.arguments import (
    Place,
    all_of,
    granularity,
    not_negative,
    option,
    positive,
    sectioned_command,
)
from stream_aligner_lc.errors import ConfigurationError

_learned = partial(option, section="What is learned")
_trained = partial(option, section="How it is learned")
_kept = partial(option, section="Output")


def _count(text: str) -> int:
    return 0 if text == "0" else positive(text)


_WHAT = all_of(
    _learned(
        "--template",
        default="verdict",
        metavar="NAME",
        help="verdict, stream-aligner, aligner, aligner-v1; or reply, for an upstream",
    ),
    granularity("what a row corrects; response for whole answers", section="What is learned"),
    _learned(
        "--held-out", metavar="ROWS", type=click.Path(), help="rows to look at beside the training, if not a share"
    ),
    _learned("--held-out-share", type=float, default=0.02, metavar="SHARE", help="of the questions"),
    _learned("--copy-share", type=float, default=0.2, metavar="SHARE", help="of the rows, for the copy stage"),
    _learned("--copy-epochs", type=float, default=1.0, metavar="N", help="of the copy stage"),
    _learned(
        "--learns-text",
        is_flag=True,
        help="learn the released text too: for a model that starts from nothing and knows no task yet",
    ),
    _learned(
        "--caution",
        type=not_negative,
        default=0.0,
        metavar="X",
        help="how much more probable a change must be than what stands, as a difference of logits",
    ),
    _learned(
        "--figures-rows",
        type=_count,
        default=100,
        metavar="N",
        help="held-out rows that are corrected at every look; 0 for none",
    ),
)

_HOW = all_of(
    _trained("--epochs", type=float, default=3.0, metavar="N", help="over the rows"),
    _trained("--rate", type=float, default=2e-5, metavar="RATE", help="the highest learning rate"),
    _trained(
        "--schedule", type=click.Choice(["cosine", "linear", "constant"]), default="cosine", help="how the rate falls"
    ),
    _trained("--warm-up", type=float, default=0.03, metavar="SHARE", help="of the steps"),
    _trained(
        "--muon-rate",
        type=float,
        metavar="RATE",
        help="train the matrices with Muon at this rate, the rest with AdamW, which otherwise trains all",
    ),
    _trained("--weight-decay", type=not_negative, default=0.0, metavar="X", help="of AdamW and Muon"),
    _trained("--beta2", type=float, default=0.95, metavar="X", help="of AdamW"),
    _trained("--batch", type=positive, default=4, metavar="N", help="rows a process and pass"),
    _trained("--accumulation", type=positive, default=2, metavar="N", help="passes a step"),
    _trained("--max-tokens", type=positive, default=4096, metavar="N", help="of a row"),
    _trained("--lora-rank", type=positive, metavar="RANK", help="train an adapter instead of all weights"),
    _trained("--merge", is_flag=True, help="merge the adapter into the model at the end"),
    _trained("--dtype", type=click.Choice(["auto", "float32", "bfloat16"]), default="auto", help="of the passes"),
    _trained("--checkpointing", is_flag=True, help="compute activations twice, to save memory"),
    _trained(
        "--joins",
        is_flag=True,
        help="read what the sentences of a reply have in common once: several times faster; a batch counts replies",
    ),
    _trained("--packing", is_flag=True, help="pack rows into one; needs flash attention"),
    _trained(
        "--evaluate-every", type=positive, metavar="STEPS", help="look and save so often, if not ten times in all"
    ),
    _trained("--seed", type=int, default=42, metavar="N", help="of the order and of new weights"),
    _trained("--threads", type=positive, metavar="N", help="of torch on a processor"),
    _trained("--device", type=click.Choice(["auto", "cpu"]), default="auto", help="cpu even where there is a GPU"),
)


@sectioned_command("train")
@click.argument("rows", nargs=-1, required=True, metavar="ROWS...", type=click.Path())
@option("--model", required=True, metavar="FOLDER", type=click.Path(), help="what to start from: a folder or a hub id")
@option("--out", required=True, metavar="FOLDER", type=Place(), help="the folder to write")
@_WHAT
@_HOW
@_kept("--restart", is_flag=True, help="discard what an interrupted run has done")
@_kept("--overwrite", is_flag=True, help="replace the folder if it is there")
def command(*, restart: bool, overwrite: bool, **options: Any) -> None:
    """Train an aligner on corrected sentences.

    Fine-tune a causal language model on ROWS (JSON lines, JSON, CSV or Parquet, or a data set's folder) of question,
    prefix, last, correction, and perhaps end, in the template in which it will serve; the folder that comes out loads
    in TransformersAligner with no further argument. With --template reply an upstream is tuned instead, on replies
    (question or messages, perhaps prefix, answer).

    What was interrupted goes on with the same command. On several processes: accelerate launch -m stream_aligner_lc
    train ...
    """
    from stream_aligner_lc.training.settings import Settings  # noqa: PLC0415

    # Before torch is there: what was asked wrongly shows at once.
    settings = Settings(**{**options, "rows": list(options["rows"])})
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
    show(train(settings, overwrites=overwrite, restarts=restart))
