"""This library beside Guardrails AI and NeMo Guardrails, on the same scripted streams.

    python -m benchmarks.peers.table [--streams 8 64] [--token-ms 5] [--rounds 3] [--json FILE]

Every arm is a program in an environment of its own (`make bench-peers` creates them): it reads the same streams side by
side in one process, with an aligner of 20 ms that replaces one word, which every fifth sentence holds. The arms take
turns, each round in a new process, so read ratios. One that is not installed is skipped, and named.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import NamedTuple

from benchmarks.peers.work import Result, Stream, Work

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
SENTENCES, TOKENS, EVERY = 20, 20, 5
STAGGER_SECONDS = 0.020
PATIENCE_SECONDS = 600


class Arm(NamedTuple):
    """One way to read the streams."""

    name: str
    program: str
    variant: str = ""
    environment: str = ""
    """The folder of its virtual environment; empty for the project's own."""

    @property
    def python(self) -> Path:
        """The interpreter that runs it."""
        return ROOT / self.environment / "bin" / "python" if self.environment else Path(sys.executable)

    @property
    def is_installed(self) -> bool:
        """Its environment is whole: `make bench-peers` has come to the end of it."""
        return not self.environment or (ROOT / self.environment / ".installed").exists()


GUARDRAILS, NEMO = ".venv-peers-guardrails", ".venv-peers-nemo"
BARE = Arm("bare upstream", "arm_bare.py")
ARMS = (
    BARE,
    Arm("the same as a LangChain model", "arm_library.py", "bare"),
    Arm("this library, in process", "arm_library.py", "aligned"),
    Arm("Guardrails AI, `AsyncGuard`", "arm_guardrails.py", "async", GUARDRAILS),
    Arm("Guardrails AI, `Guard`s in threads", "arm_guardrails.py", "sync", GUARDRAILS),
    Arm("NeMo Guardrails, rail rewrites, `generator=`", "arm_nemo.py", "rewrite", NEMO),
    Arm("NeMo Guardrails, rail rewrites, model inside", "arm_nemo.py", "model", NEMO),
    Arm("NeMo Guardrails, rail blocks, `generator=`", "arm_nemo.py", "block", NEMO),
    Arm("NeMo Guardrails, rail blocks, its own sizes", "arm_nemo.py", "default", NEMO),
)


class ArmError(Exception):
    """An arm did not answer."""


@dataclass(frozen=True)
class Row:
    """What an arm did, over all rounds; seconds are medians over streams."""

    name: str
    streams: int
    first_token: float
    first_sentence: float
    first_sentence_slowest: float
    """The 95th percentile."""
    first_ratio: float
    """Against the bare upstream's first sentence and one call of the aligner."""
    total: float
    total_ratio: float
    """Against the bare upstream and one call of the aligner."""
    own_cpu: float | None
    """CPU seconds of a round less the bare upstream's for as many tokens."""
    cpu_per_token: float | None
    cpu_per_chunk: float | None
    chunks: float
    """Released pieces of a stream."""
    calls: float
    """Of the upstream, for a stream."""
    tokens: float
    """That the upstream said, for a stream."""
    num_raw: int
    """Streams that showed the word to replace."""
    num_corrected: int
    """Streams whose text is the reply with that word replaced, and nothing else changed."""
    num_stopped: int
    """Streams that ended in an error."""


def make_work(streams: int, variant: str = "", *, sentences: int = SENTENCES, token_seconds: float = 0.005) -> Work:
    """Return replies of 20 tokens a sentence, no two alike; every fifth sentence holds the word to replace."""
    replies = [[token for index in range(sentences) for token in _sentence(index, stream)] for stream in range(streams)]
    return Work(replies, variant, token_seconds, stagger_seconds=STAGGER_SECONDS)


def _sentence(index: int, stream: int) -> list[str]:
    word = "bad" if index % EVERY == EVERY // 2 else "fine"
    words = ["Sentence", str(index), f"of{stream}", "is", word, *["and"] * (TOKENS - 6), "done."]
    return [f" {text}" if index or number else text for number, text in enumerate(words)]


def parse(text: str) -> Result:
    """Read what an arm printed. Raises `ArmError` for anything that is no result."""
    try:
        fields = json.loads(text)
        return Result(**{**fields, "streams": [Stream(**stream) for stream in fields["streams"]]})
    except (ValueError, TypeError, KeyError) as error:
        raise ArmError(f"The arm printed no result but {text[-200:]!r}.") from error


def run(arm: Arm, work: Work) -> Result:
    """Run an arm in a process of its own. Raises `ArmError` if it fails, prints no result or takes ten minutes."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            [arm.python, HERE / arm.program],
            input=json.dumps(asdict(work)),
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise ArmError(f"The arm {arm.name!r} took more than {PATIENCE_SECONDS} s.") from error
    if done.returncode:
        raise ArmError(f"The arm {arm.name!r} ended with {done.returncode}: {done.stderr.strip()[-500:]}")
    return parse(done.stdout)


def row(name: str, results: Sequence[Result], bare: Sequence[Result], work: Work) -> Row:
    """Return the figures of an arm beside those of the bare upstream."""
    streams = [stream for result in results for stream in result.streams]
    alone = [stream for result in bare for stream in result.streams]
    firsts = sorted(stream.first_sentence for stream in streams if stream.first_sentence)
    first, total = _median(firsts), _median([stream.total for stream in streams])
    tokens = sum(stream.tokens for stream in streams) / len(results)
    chunks = sum(stream.chunks for stream in streams) / len(results)
    bare_per_token = _median([result.cpu / sum(stream.tokens for stream in result.streams) for result in bare])
    own = None if results is bare else _median([result.cpu for result in results]) - bare_per_token * tokens
    whole = ["".join(reply) for _ in results for reply in work.replies]
    return Row(
        name=name,
        streams=len(streams),
        first_token=_median([stream.first_token for stream in streams if stream.chunks]),
        first_sentence=first,
        first_sentence_slowest=firsts[int(len(firsts) * 0.95)] if firsts else 0.0,
        first_ratio=first / (_median([stream.first_sentence for stream in alone]) + work.aligner_seconds),
        total=total,
        total_ratio=total / (_median([stream.total for stream in alone]) + work.aligner_seconds),
        own_cpu=own,
        cpu_per_token=None if own is None else own / tokens,
        cpu_per_chunk=None if own is None or not chunks else own / chunks,
        chunks=sum(stream.chunks for stream in streams) / len(streams),
        calls=sum(stream.calls for stream in streams) / len(streams),
        tokens=sum(stream.tokens for stream in streams) / len(streams),
        num_raw=sum(work.marker in stream.text for stream in streams),
        num_corrected=sum(stream.text == work.corrected(text) for stream, text in zip(streams, whole, strict=True)),
        num_stopped=sum(stream.error is not None for stream in streams),
    )


def _median(values: Sequence[float]) -> float:
    return statistics.median(values) if values else 0.0


HEAD = (
    "", "first piece ms", "first sentence ms", "p95", "÷ own", "total s", "÷ bare", "own CPU µs/token", "ms/piece",
    "pieces", "calls", "tokens", "showed the word", "corrected", "stopped",
)  # fmt: skip


def table(rows: Sequence[Row]) -> str:
    """Return the rows as a Markdown table."""
    lines = [f"| {' | '.join(HEAD)} |", f"|---|{'--:|' * (len(HEAD) - 1)}"]
    lines += [f"| {' | '.join(_cells(each))} |" for each in rows]
    return "\n".join(lines)


def _cells(each: Row) -> Iterator[str]:
    yield each.name
    yield f"{each.first_token * 1e3:.0f}"
    yield f"{each.first_sentence * 1e3:.0f}"
    yield f"{each.first_sentence_slowest * 1e3:.0f}"
    yield f"{each.first_ratio:.2f}"
    yield f"{each.total:.2f}"
    yield f"{each.total_ratio:.2f}"
    yield "" if each.cpu_per_token is None else f"{each.cpu_per_token * 1e6:.0f}"
    yield "" if each.cpu_per_chunk is None else f"{each.cpu_per_chunk * 1e3:.2f}"
    yield f"{each.chunks:.0f}"
    yield f"{each.calls:.1f}"
    yield f"{each.tokens:.0f}"
    for count in (each.num_raw, each.num_corrected, each.num_stopped):
        yield f"{count / each.streams:.0%}"


LEGEND = """
÷ own: the first sentence, against the bare upstream's and one call of the aligner. ÷ bare: the same of the whole reply.
own CPU: the process's, less the bare upstream's for as many tokens; µs per token that the upstream said, ms per piece.
showed the word: streams that showed the word to replace. corrected: streams whose text is the reply with nothing but
that word replaced. stopped: streams that ended in an error.
Everything runs in process; over HTTP each arm would pay for that too.
"""


def measure(arms: Sequence[Arm], work: Work, rounds: int) -> dict[Arm, list[Result]]:
    """Let the arms take turns; one that fails is named and left out, unless it is the bare upstream."""
    results: dict[Arm, list[Result]] = {arm: [] for arm in arms}
    for turn in range(rounds):
        for arm in tuple(results):
            print(f"{len(work.replies)} streams, round {turn + 1}: {arm.name}", file=sys.stderr)
            try:
                results[arm].append(run(arm, replace(work, variant=arm.variant)))
            except ArmError as error:
                if arm == BARE:
                    raise
                del results[arm]
                print(f"Left out: {error}")
    return results


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, nargs="+", default=[8, 64])
    parser.add_argument("--token-ms", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", metavar="FILE", help="write the rows to FILE as well")
    options = parser.parse_args()
    arms = [arm for arm in ARMS if arm.is_installed]
    written, used = [], []
    for streams in options.streams:
        work = make_work(streams, token_seconds=options.token_ms / 1e3)
        results = measure(arms, work, options.rounds)
        rows = [row(arm.name, found, results[BARE], work) for arm, found in results.items()]
        print(
            f"\n{streams} streams at a time, {options.token_ms:g} ms a token, {options.rounds} rounds\n\n{table(rows)}",
            flush=True,
        )
        written += [{"at_a_time": streams, "token_ms": options.token_ms, **asdict(each)} for each in rows]
        used += [result for found in results.values() for result in found]
    print(LEGEND)
    versions = {package: number for result in used for package, number in result.versions.items()}
    print(", ".join(f"{package} {number}" for package, number in sorted(versions.items())))
    print(f"Refused attempts to leave the machine: {sum(result.network for result in used)}.")
    for environment in sorted({arm.environment for arm in ARMS if arm not in arms}):
        print(f"Skipped: what needs {environment}, which is not whole; `make bench-peers` says what pip could not do.")
    if options.json:
        Path(options.json).write_text(json.dumps(written, indent=1))


if __name__ == "__main__":
    main()
