"""Drafts that the bundled checkpoints know something of: right steps, wrong steps, and what is hard to say."""

import asyncio
from itertools import accumulate

from langchain_core.messages import HumanMessage

from stream_aligner_lc import Draft, StreamAlignedChat
from stream_aligner_lc.sums.problems import problems
from stream_aligner_lc.testing import ScriptedChatModel
from tests.sums.judged import judged_problems


def steps(problem, *, wrong=()):
    """The steps of a problem, each after the right ones before it; those at the places `wrong` are off by some."""
    texts = list(problem.solution)
    prefixes = [prefix.strip() for prefix in accumulate(texts, lambda said, step: f"{said} {step}", initial="")]
    for at in wrong:
        step = problem.steps[at]
        texts[at] = step.said(step.after + 10 if step.after + 10 < 60 else step.after - 10)
    asked = [HumanMessage(problem.question)]
    return [Draft(asked, prefixes[at], text, index=at) for at, text in enumerate(texts)]


def of_sums(count=3):
    """Drafts for the bundled aligner."""
    return [draft for problem in problems(count, seed=3) for draft in steps(problem, wrong=[1])] + spoken()


def judged(count=4):
    """Drafts for the aligners of the tests."""
    return [draft for problem in judged_problems(count, seed=9) for draft in steps(problem, wrong=[1])]


def spoken():
    """Small talk, some of it rude, which the bundled aligner knows too."""
    said = [
        "Shut up and read the manual, you idiot.",
        "The shop opens at nine.",
        "You are too stupid to cook an egg.",
        "Of course, I can help you with that!",
    ]
    return [Draft([HumanMessage("Can you help me?")], "", text) for text in said]


async def replies(count, aligner):
    """What comes of so many replies with a wrong step each, all corrected by one aligner at once."""
    asked = problems(count, seed=21)
    wrong = [" ".join(draft.text for draft in steps(each, wrong=[1])) for each in asked]
    models = [StreamAlignedChat(ScriptedChatModel(text), aligner) for text in wrong]
    calls = (model.ainvoke(each.question) for model, each in zip(models, asked, strict=True))
    return [reply.text for reply in await asyncio.gather(*calls)]
