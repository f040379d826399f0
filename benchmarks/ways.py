"""The ways to correct a reply that the benchmark of the aligner compares, from plain `generate` to the whole engine."""

from __future__ import annotations

import argparse
import threading
import time
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

import torch
from copying import Reply, make_model, make_tokenizer, replies, script, table
from langchain_core.messages import HumanMessage
from tqdm import tqdm

from stream_aligner_lc import TransformersAligner
from stream_aligner_lc.corrections import Draft
from stream_aligner_lc.local.completions import Prompt
from stream_aligner_lc.local.decoding import Decoder
from stream_aligner_lc.local.engine import DraftingEngine
from stream_aligner_lc.local.forms import Form
from stream_aligner_lc.local.memory import num_common
from stream_aligner_lc.local.models import GivenModel
from stream_aligner_lc.local.rounds import rounds_of
from stream_aligner_lc.local.slabs import SlabCache
from stream_aligner_lc.local.verdicts import form_of
from stream_aligner_lc.prompts import TEMPLATES

RATES = (0, 10, 50)
# More than any correction here needs.
_LIMIT = 64
_KEPT_BYTES = 1 << 30

Prepare = Callable[[Draft], Callable[[], str]]
"""Do what is not measured, and return what is: it returns the corrected sentence."""


class Way(NamedTuple):
    """One way to correct."""

    name: str
    make: Callable[[Any, Any], Prepare]
    """From a model and its tokenizer to the way, with nothing read yet."""
    is_slow: bool = False
    is_verdict: bool = False


def form_for(model: Any, tokenizer: Any, *, is_verdict: bool = False) -> Form:
    """Return the form in which a sentence is put to the model."""
    return form_of(
        GivenModel(model, tokenizer).load().encoder, TEMPLATES["verdict" if is_verdict else "stream-aligner"]
    )


def _generating(model: Any, tokenizer: Any, **options: Any) -> Prepare:
    form = form_for(model, tokenizer)

    def prepare(draft: Draft) -> Callable[[], str]:
        prompt = form.prompt(draft.question, draft.prefix, draft.text)
        ids = torch.tensor([prompt], device=model.device)
        options.update(attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=_LIMIT)
        return lambda: form.read(model.generate(ids, **options)[0, len(prompt) :].tolist())

    return prepare


def _drafting(model: Any, tokenizer: Any, *, has_draft: bool = True, kept_bytes: int = _KEPT_BYTES) -> Prepare:
    loaded, form = GivenModel(model, tokenizer).load(), form_for(model, tokenizer)
    decoder = Decoder(model, kept_bytes=kept_bytes)
    engine = DraftingEngine(decoder, loaded.ends, starts_word=loaded.encoder.starts_word)

    def prepare(draft: Draft) -> Callable[[], str]:
        guess = form.answer(draft.text) if has_draft else []
        prompt = Prompt(form.prompt(draft.question, draft.prefix, draft.text), guess, _LIMIT)
        return lambda: form.read(next(engine.complete_each([prompt], stopped=threading.Event())).ids)

    return prepare


def _passing(model: Any, tokenizer: Any, *, is_verdict: bool = False) -> Prepare:
    """Do nothing but the one pass that an unchanged sentence takes."""
    form, state, known = form_for(model, tokenizer, is_verdict=is_verdict), SlabCache(), list[int]()

    def prepare(draft: Draft) -> Callable[[], str]:
        prompt = form.prompt(draft.question, draft.prefix, draft.text)
        answer = [] if is_verdict else form.answer(draft.text)
        start = num_common(array("I", known).tobytes(), array("I", prompt).tobytes())
        known[:] = [*prompt, *answer]
        state.cut(start)
        ids = torch.tensor([known[start:]], device=model.device)

        @torch.inference_mode()
        def work() -> str:
            output = model(ids, past_key_values=state, use_cache=True, logits_to_keep=len(answer) + 1)
            output.logits.argmax(-1).tolist()
            return draft.text

        return work

    return prepare


def aligning(aligner: TransformersAligner, *, warms: bool = False) -> Prepare:
    """Correct through the public interface, the prompt's tokens included in what is measured."""
    corrector: Any = aligner.load()._corrector  # noqa: SLF001  # `warm` itself returns at once, and could be late

    def prepare(draft: Draft) -> Callable[[], str]:
        if warms:
            corrector.warm(draft, threading.Event())
        return lambda: aligner.invoke(draft).text

    return prepare


def _aligner(model: Any, tokenizer: Any, *, warms: bool = False, template: str = "stream-aligner") -> Prepare:
    return aligning(TransformersAligner.from_model(model, tokenizer, template=template), warms=warms)


NAIVE = Way("naive `generate`", _generating, is_slow=True)
FULL = Way("both: the aligner", _aligner)
VERDICT = Way("the aligner, `verdict` template", partial(_aligner, template="verdict"), is_verdict=True)
WAYS = (
    NAIVE,
    Way("`prompt_lookup_num_tokens=24`", partial(_generating, prompt_lookup_num_tokens=24), is_slow=True),
    Way("cache reuse only", partial(_drafting, has_draft=False), is_slow=True),
    Way("sentence as draft only", partial(_drafting, kept_bytes=0), is_slow=True),
    FULL,
    Way("both, prefix read before: critical path", partial(_aligner, warms=True)),
    VERDICT,
)
PASS = Way("one pass of as many tokens", _passing)
VERDICT_PASS = Way("one pass of as many tokens as there", partial(_passing, is_verdict=True), is_verdict=True)


@dataclass
class Run:
    """A reply in the making: what each sentence took, and what it became."""

    prepare: Prepare | None
    reply: Reply
    model: Any
    clock: Callable[[], float] = time.perf_counter
    seconds: list[float] = field(default_factory=list)
    passes: list[int] = field(default_factory=list)
    fed: list[int] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    def correct_next(self) -> None:
        """Correct the next sentence, after the corrected text; raise if it does not become what was to come."""
        assert self.prepare is not None, "it is not over"
        index, prefix = len(self.texts), " ".join(self.texts)
        sentence = self.reply.sentences[index]
        work = self.prepare(Draft([HumanMessage(self.reply.question)], prefix, sentence.draft, index=index))
        passes, fed = self.model.num_passes, self.model.num_fed
        started = self.clock()
        text = work()
        self.seconds.append(self.clock() - started)
        self.passes.append(self.model.num_passes - passes)
        self.fed.append(self.model.num_fed - fed)
        self.texts.append(text)
        if text != sentence.correction:
            raise RuntimeError(f"{sentence.draft!r} became {text!r} instead of {sentence.correction!r}.")

    def correct_all(self) -> None:
        """Correct the whole reply."""
        for _ in self.reply.sentences:
            self.correct_next()


class Bench:
    """The model, what it corrects, and what was measured so far."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        count = max(*options.sentences, options.memory_sentences, 20)
        self.scripts = {rate: script(count, rate, options.edits) for rate in RATES}
        everything = [sentence for each in self.scripts.values() for sentence in each]
        num_replies = max(*options.replies, options.memory_replies + options.memory_together)
        self.tokenizer = make_tokenizer(everything, num_replies)
        self.model = self.made(width=options.width, layers=options.layers)
        # Whether it can share passes is tried once, here, so that those passes count for nothing below.
        self._rounds = rounds_of(self.model)
        self.tell(self.model, 0)
        assert self._rounds.worker.packing.is_possible  # see above
        self.clock = time.process_time if options.clock == "cpu" else time.perf_counter
        self._runs: dict[tuple[int, int], dict[str, list[Run]]] = {}

    def made(self, *, width: int | None, layers: int | None) -> Any:
        """Return a model of the chosen layout."""
        layout, vocab, device = self.options.layout, self.options.vocab, self.options.device
        return make_model(layout, self.tokenizer, width=width, layers=layers, vocab=vocab, device=device)

    def tell(self, model: Any, rate: int, *, is_verdict: bool = False) -> None:
        """Have the model say what corrects the sentences with so many edits."""
        model.tell(table(self.scripts[rate], self.tokenizer, is_verdict=is_verdict))

    def runs(self, ways: Sequence[Way], rate: int, count: int) -> list[list[Run]]:
        """Return runs of every way, a slow one once; what was run before counts.

        Each sentence is corrected in all of them, one after the other, before the next one is: so whatever else the
        machine does slows down all of them alike.
        """
        done = self._runs.setdefault((rate, count), {})
        if not {way.name for way in ways} <= done.keys():
            reply = replies(self.scripts[rate], 1, count)[0]
            for way in ways:
                num = self.options.naive_rounds if way.is_slow else self.options.rounds
                done[way.name] = [self._begun(way, reply) for _ in range(num)]
            for _ in tqdm(reply.sentences, f"{rate} % edits", leave=False):
                for way in ways:
                    self.tell(self.model, rate, is_verdict=way.is_verdict)
                    for run in done[way.name]:
                        run.correct_next()
            for run in chain(*done.values()):
                run.prepare = None  # and with it all that was kept
        found = [done[way.name] for way in ways]
        if any(run.texts != found[0][0].texts for each in found for run in each):
            raise RuntimeError("Not every way came to the same text.")
        return found

    def _begun(self, way: Way, reply: Reply) -> Run:
        return Run(way.make(self.model, self.tokenizer), reply, self.model, self.clock)
