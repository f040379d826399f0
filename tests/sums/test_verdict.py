"""A trained aligner in the template `verdict`: what it says is right, and a sentence that stands costs one pass."""

import threading
from itertools import accumulate

import pytest
import torch
from langchain_core.messages import HumanMessage

from stream_aligner_lc import Draft, StreamAlignedChat
from stream_aligner_lc.local.forms import Asked
from stream_aligner_lc.testing import ScriptedChatModel
from tests.local.small_models import generated
from tests.sums.judged import judged_problems, judging


@pytest.fixture(scope="module")
def aligner():
    return judging().load()


def drafts(problem, *, slip_at=None, by=10):
    """The steps of a problem, each after the right ones before it; one of them may be wrong."""
    asked = [HumanMessage(problem.question)]
    prefixes = list(accumulate(problem.solution, lambda said, step: f"{said} {step}", initial=""))
    texts = list(problem.solution)
    if slip_at is not None:
        step = problem.steps[slip_at]
        texts[slip_at] = step.said(step.after + by if step.after + by < 60 else step.after - by)
    prefixes = [prefix.strip() for prefix in prefixes]
    return [Draft(asked, prefixes[at], text, index=at) for at, text in enumerate(texts)]


def test_it_leaves_right_steps_alone_and_mends_wrong_ones(aligner):
    left_alone = mended = total = 0
    for problem in judged_problems(60, seed=77):
        right = problem.solution
        left_alone += sum(aligner.invoke(draft).text == draft.text for draft in drafts(problem)[:-1])
        for at in range(len(problem.steps)):
            mended += aligner.invoke(drafts(problem, slip_at=at)[at]).text == right[at]
            total += 1
    assert left_alone / total > 0.95, left_alone / total
    assert mended / total > 0.9, mended / total


def test_it_says_with_the_closing_sentence_that_the_reply_is_complete(aligner):
    for problem in judged_problems(20, seed=5):
        *steps, last = drafts(problem)
        assert not any(aligner.invoke(draft).end for draft in steps)
        assert aligner.invoke(last).end


def test_a_sentence_that_stands_takes_one_pass_and_is_read_once(aligner):
    for problem in judged_problems(10, seed=6):
        corrections = [aligner.invoke(draft) for draft in drafts(problem)]
        assert all(correction.effort["passes"] == 1 for correction in corrections)
        sizes = [len(aligner._equip().form.answer(f" {draft.text}")) for draft in drafts(problem)]
        # The question comes with the first; of the text before only what ends the sentence is read again.
        assert all(
            correction.effort["tokens_fed"] <= size + 1
            for correction, size in zip(corrections[1:], sizes[1:], strict=True)
        )


def test_what_it_says_is_what_generate_says(aligner):
    loaded = aligner._local.load()
    form, mark = aligner._equip().form, loaded.encoder.end_of_answer
    with_end = {"eos_token_id": sorted(loaded.ends)}
    replaced = 0
    for number, problem in enumerate(judged_problems(40, seed=8)):
        at = number % len(problem.steps)
        draft = drafts(problem, slip_at=at, by=10 if number % 2 else 1)[at]
        prompt = form.prompt(draft.question, draft.prefix, draft.text)
        judgement = form.judgement(generated(loaded.model, prompt, 1)[0])
        expected = draft.text
        if judgement.replaces:
            replaced += 1
            expected = form.read(generated(loaded.model, [*prompt, mark], 48, **with_end))
        correction = aligner.invoke(draft)
        assert (correction.text, correction.end) == (expected, judgement.end)
    assert replaced > 10


def test_waiting_sentences_are_judged_in_one_pass_and_as_one_by_one(aligner):
    engine = aligner._equip().engine
    form = aligner._equip().form
    for number, problem in enumerate(judged_problems(30, seed=12)):
        waiting = drafts(problem, slip_at=number % len(problem.steps) if number % 2 else None)
        asked = [
            Asked(form.prompt(each.question, each.prefix, each.text), each.text, form.answer(each.text), 48)
            for each in waiting
        ]
        alone = [next(form.ask_each(engine, [each], threading.Event())) for each in asked]
        changed = next((at for at, each in enumerate(alone) if each.text != waiting[at].text), len(alone) - 1)
        together = list(form.ask_each(engine, asked, threading.Event()))
        assert [each.text for each in together] == [each.text for each in alone[: changed + 1]]
        passes = sum(each.effort.passes for each in together)
        assert passes == 1 or together[-1].text != waiting[changed].text


def test_in_the_loop_the_reply_counts_what_it_took(aligner):
    problem = judged_problems(1, seed=3)[0]
    llm = StreamAlignedChat(ScriptedChatModel([" ".join(problem.solution)]), aligner)
    said = llm.invoke(problem.question)
    assert said.text == " ".join(problem.solution)
    effort = said.response_metadata["stream_aligner"]["aligner_effort"]
    assert 1 <= effort["passes"] <= len(problem.solution)
    assert effort["tokens_fed"] == said.response_metadata["stream_aligner"]["aligner_tokens"]


def test_the_weights_are_finite(aligner):
    model = aligner._local.load().model
    assert all(torch.isfinite(parameter).all() for parameter in model.parameters())
