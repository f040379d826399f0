"""Aligners that correct what they were told to, through real passes; and one that never comes to an end."""

import asyncio
import re
import time

import pytest
from langchain_core.messages import HumanMessage

from stream_aligner_lc import StreamAlignedChat, TransformersAligner
from stream_aligner_lc.corrections import Draft
from stream_aligner_lc.testing import ScriptedChatModel
from tests.local.small_models import SpeakingModel, Watch

PROMPT = re.compile(
    r"<\|user\|>##Question: (.*?) \| ##Answer_Prefix: (.*?) \| ##Answer_Last_Sentence: (.*) \| ##Your_Revision: "
    r"<\|end\|><\|assistant\|>",
    re.DOTALL,
)
QUESTION = "How many are 3 and 4?"


class Reviser:
    """A model that was trained to the last token: it copies the sentence but for what it knows to be wrong."""

    def __init__(self, mistakes=None, **options):
        self.mistakes = mistakes or {}
        self.seen = []
        model = SpeakingModel(self.speak, max_tokens=options.pop("max_tokens", 4096))
        self.aligner = TransformersAligner.from_model(model, model.tokenizer, **options)
        self.watch = Watch(model)

    def speak(self, prompt, said):
        self.seen.append(PROMPT.fullmatch(prompt).groups())
        revision = self.seen[-1][2]
        for wrong, right in self.mistakes.items():
            revision = revision.replace(wrong, right)
        return revision[len(said) :] if revision.startswith(said) else ""


class Judge:
    """A model that was trained in the verdict template: what it knows to be wrong it replaces, and knows the end."""

    def __init__(self, mistakes=None, *, last=None, **options):
        self.mistakes = mistakes or {}
        self.last = last
        model = SpeakingModel(None, max_tokens=options.pop("max_tokens", 4096))
        model._next = self._next
        self.model = model
        self.aligner = TransformersAligner.from_model(model, model.tokenizer, template="verdict", **options)
        self.watch = Watch(model)

    def right(self, sentence):
        for wrong, right in self.mistakes.items():
            sentence = sentence.replace(wrong, right)
        return sentence

    def _next(self, ids):
        if self.model._start not in ids:
            return self.model._end
        said = ids[len(ids) - ids[::-1].index(self.model._start) :]
        until = said.index(self.model._end) if self.model._end in said else len(said)
        sentence = re.split(r"(?<=[.!?]) ", self.model._text(said[:until]))[-1]
        right = self.right(sentence)
        if until < len(said):
            written, wanted = said[until + 1 :], self.model._encoder.text(right)
            follows = wanted[len(written) :] if wanted[: len(written)] == written else []
            return follows[0] if follows else self.model._end
        verdict = "=~#!"[(right != sentence) + 2 * (right == self.last)]
        return self.model._encoder.text(verdict, goes_on=True)[0]


class Rambler:
    """A model that never ends, so slowly that it can be stopped in between."""

    def __init__(self, *, delay=0.01, **options):
        model = SpeakingModel(lambda prompt, said: "7")
        self.aligner = TransformersAligner.from_model(model, model.tokenizer, **options)
        self.watch = Watch(model, delay=delay)

    def rests(self):
        """Say that no more than the pass under way follows, within the time of many."""
        until = time.monotonic() + 60
        while self.aligner._running and time.monotonic() < until:
            time.sleep(0.005)
        count = self.watch.count
        time.sleep(0.15)
        return self.watch.count == count


def draft(text="That is 7.", prefix="We add 3 and 4.", question=QUESTION, index=1):
    return Draft([HumanMessage(question)], prefix, text, index=index)


def ask(aligner, asked):
    return aligner.invoke(asked)


def aask(aligner, asked):
    return asyncio.run(aligner.ainvoke(asked))


def align(aligner, script, **options):
    return StreamAlignedChat(ScriptedChatModel(script), aligner, **options).invoke(QUESTION)


def aalign(aligner, script, **options):
    return asyncio.run(StreamAlignedChat(ScriptedChatModel(script), aligner, **options).ainvoke(QUESTION))


both_ways = pytest.mark.parametrize("way", [ask, aask])
both_chats = pytest.mark.parametrize("chat", [align, aalign])
