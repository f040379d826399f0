"""Waiting drafts that are corrected together: what each would get alone, up to the first that changes."""

import asyncio
import threading
import time
from functools import partial

import pytest
from langchain_core.messages import HumanMessage

from stream_aligner_lc.corrections import Correction, Draft
from stream_aligner_lc.errors import AlignerError
from stream_aligner_lc.local.completions import StoppedError
from tests.engine.replies import NEVER, PROMPT, answered, engine_for
from tests.engine.speakers import TEMPLATES, Speaker
from tests.local.small_models import EVERY, LONGROPE, model_of
from tests.sums.judged import correcting, judged_problems, judging

RIGHT = ["We add 3 and 4.", "That is 7.", "So it is 7.", "Nothing is left.", "That is all.", "It is seven."]


def ask(aligner, drafts):
    return aligner.correct_many(drafts)


def aask(aligner, drafts):
    return asyncio.run(aligner.acorrect_many(drafts))


both_ways = pytest.mark.parametrize("way", [ask, aask])
both_templates = pytest.mark.parametrize("template", TEMPLATES)


@pytest.fixture
def together():
    """Make an aligner that corrects as many as it may at once, though it is on a processor."""

    def make(template, **options):
        speaker = Speaker(template, **options)
        # Until a first text was read, it is not known how much room one takes, and none is read beside another.
        speaker.aligner.invoke(Draft([HumanMessage("Is it?")], "", "Yes, it is."))
        corrector = speaker.aligner._corrector
        corrector.shares_passes, corrector._edit_rate = True, 0.0
        speaker.watch.fed.clear()
        return speaker

    return make


def one_by_one(template, texts):
    """Return what each draft gets from an aligner that has read nothing else, up to the first that changes."""
    answers = []
    for number, text in enumerate(texts):
        speaker = Speaker(template)
        answers.append(speaker.aligner.invoke(speaker.drafts(*texts)[number]))
        if answers[-1].text != text:
            break
    return answers


@both_ways
@both_templates
@pytest.mark.parametrize(
    "texts",
    [
        RIGHT[:4],
        ["That is 8.", *RIGHT[:3]],
        [*RIGHT[:3], "That is 8."],
        [RIGHT[0], "That is 8.", "So it is 8.", "Done."],
        [RIGHT[0], "Done: 7.", RIGHT[1]],
        [RIGHT[0], "Done: 8.", RIGHT[1]],
        ["Das sind nine Äpfel, 是 8 个。", RIGHT[1]],
    ],
    ids=len,
)
def test_drafts_that_wait_are_answered_as_one_by_one(way, template, texts, together):
    speaker = together(template)
    answers = way(speaker.aligner, speaker.drafts(*texts))
    assert answers == one_by_one(template, texts)
    assert [answer.text for answer in answers[:-1]] == texts[: len(answers) - 1]


@both_ways
@both_templates
def test_nothing_behind_a_sentence_that_changes_is_answered(way, template, together):
    speaker = together(template)
    answers = way(speaker.aligner, speaker.drafts("So.", "That is 8.", "It is 8.", "Yes."))
    assert answers == [Correction("So."), Correction("That is 7.")]


@both_ways
@both_templates
def test_by_and_by_every_draft_is_answered(way, template):
    # As many at once as is worth it, whatever that is.
    texts = [*RIGHT, "That is 8.", *RIGHT[:3]]
    speaker, answers = Speaker(template), []
    waiting = speaker.drafts(*texts)
    while waiting and (not answers or answers[-1].text == texts[len(answers) - 1]):
        some = way(speaker.aligner, waiting)
        assert 1 <= len(some) <= 4
        answers, waiting = answers + some, waiting[len(some) :]
    assert [answer.text for answer in answers] == [*RIGHT, "That is 7."]


def test_with_verdicts_drafts_that_wait_share_one_pass(together):
    speaker = together("verdict")
    drafts = speaker.drafts(*RIGHT[:4])
    answers = speaker.aligner.correct_many(drafts)
    assert [answer.text for answer in answers] == RIGHT[:4]
    # One pass, in which every token of them is read once.
    assert speaker.watch.count == 1
    prompts = [len(speaker.aligner._corrector.form.prompt(each.question, each.prefix, each.text)) for each in drafts]
    assert speaker.watch.fed == [prompts[-1] - answers[0].effort["tokens_reused"]]
    efforts = [(answer.effort["passes"], answer.tokens) for answer in answers]
    assert efforts == [(1, speaker.watch.fed[0]), (0, 0), (0, 0), (0, 0)]


def test_with_verdicts_more_sentences_wait_for_one_pass_the_fewer_of_them_change():
    speaker = Speaker("verdict", mistakes={"nine": "seven"})
    right = speaker.drafts(*(f"Here are {number}." for number in range(20, 60)))
    sizes = []
    while right[4:]:
        sizes.append(len(speaker.aligner.correct_many(right[:5])))
        right = right[sizes[-1] :]
    assert sizes == sorted(sizes)
    assert (sizes[0], sizes[-1]) == (2, 4)
    wrong = speaker.drafts(*(f"Here are {number} and nine." for number in range(20, 30)))
    while wrong:
        sizes.append(len(speaker.aligner.correct_many([wrong.pop(0), *right])))
    assert sizes[-1] == 1
    assert len(speaker.aligner.correct_many(right[:4])) == 1


def test_on_a_processor_whole_corrections_are_written_one_at_a_time():
    speaker = Speaker("stream-aligner")
    assert len(speaker.aligner.correct_many(speaker.drafts(*RIGHT))) == 1


@both_ways
@both_templates
@pytest.mark.parametrize("later", ["That is 8.", "nonsense", "x", "Done.", "word " * 900, "<|end|>~"])
def test_an_answer_never_depends_on_a_later_draft(way, template, later, together):
    speaker = together(template)
    answers = way(speaker.aligner, speaker.drafts(*RIGHT[:2], later))
    assert answers[:2] == [Correction(text) for text in RIGHT[:2]]


@pytest.mark.parametrize("kind", EVERY)
def test_the_token_after_a_sentence_does_not_depend_on_what_is_read_behind_it(kind):
    places = [9, 14, 20]
    expected = [answered(model_of(kind), PROMPT[:place], 1, frozenset())[0][0] for place in places]
    engine = engine_for(model_of(kind))
    for ids in (PROMPT[:20], [*PROMPT[:20], 7, 8, 9], PROMPT):
        asked = [*places, len(ids)]
        tokens, _ = engine.tokens_after(ids, asked, stopped=NEVER)
        assert tokens[:3] == expected
    other = PROMPT[:14] + PROMPT[::-1]
    assert engine.tokens_after(other, [9, 14, 40], stopped=NEVER)[0][:2] == expected[:2]


@pytest.mark.parametrize("kind", LONGROPE)
def test_beyond_the_length_where_positions_change_only_the_first_token_is_told(kind):
    ids = PROMPT * 3
    engine = engine_for(model_of(kind))
    for places in ([50, 60, 64, 65, 80], [64, 65], [65, 70], [80, 90]):
        tokens, _ = engine.tokens_after(ids, places, stopped=NEVER)
        told = [place for place in places if place == places[0] or place <= 64]
        assert tokens == [answered(model_of(kind), ids[:place], 1, frozenset())[0][0] for place in told]


@both_templates
@pytest.mark.parametrize("num_wrong", [0, 1, 3])
def test_trained_aligners_answer_together_as_they_do_one_by_one(template, num_wrong):
    aligner, num_changes = (judging if template == "verdict" else correcting)(dtype="float32").load(), 0
    aligner._corrector.shares_passes = True
    for problem in judged_problems(12, seed=3):
        right = [*problem.solution][:4]
        num_right = len(right) - num_wrong
        texts = [*right[:num_right], *(text.replace("= ", "= 1") for text in right[num_right:])]
        drafts = [
            Draft([HumanMessage(problem.question)], " ".join(texts[:number]), text, index=number)
            for number, text in enumerate(texts)
        ]
        alone = [aligner.invoke(each) for each in drafts]
        changes = [answer.text != text for answer, text in zip(alone, texts, strict=True)]
        aligner._corrector._edit_rate = 0.0
        assert aligner.correct_many(drafts) == alone[: [*changes, True].index(True) + 1]
        num_changes += sum(changes)
    assert (num_changes > 0) == (num_wrong > 0)


@both_ways
@both_templates
def test_an_error_of_a_later_draft_is_told_when_it_is_the_first(way, template, together):
    speaker = together(template)
    drafts = speaker.drafts(RIGHT[0], RIGHT[1], "This is nonsense.", RIGHT[2])
    assert way(speaker.aligner, drafts) == [Correction(RIGHT[0]), Correction(RIGHT[1])]
    with pytest.raises(AlignerError) as error:
        way(speaker.aligner, drafts[2:])
    assert error.value.draft == "This is nonsense." or template == "verdict"


@both_ways
@both_templates
def test_a_later_draft_that_is_too_long_is_told_when_it_is_the_first(way, template, together):
    speaker = together(template, max_tokens=300)
    drafts = speaker.drafts(RIGHT[0], "It goes on and on. " * 60)
    assert way(speaker.aligner, drafts) == [Correction(RIGHT[0])]
    with pytest.raises(AlignerError, match=r"sentence 1 .* can attend to 300"):
        way(speaker.aligner, drafts[1:])


@both_ways
@both_templates
@pytest.mark.parametrize("fault", [RuntimeError("out of memory"), ZeroDivisionError()], ids=["full", "broken"])
def test_a_fault_of_the_device_at_a_later_draft_loses_no_answer(way, template, fault, together):
    speaker = together(template)
    drafts = speaker.drafts(RIGHT[0], "That is 8.")
    # This token is read only where the second sentence is corrected.
    speaker.aligner.correct_many(drafts[:1])
    wrong = speaker.model.tokenizer(" 8")["input_ids"][-1]
    correction = speaker.model.tokenizer("That is 7")["input_ids"][-1]

    def fail(module, args, kwargs):
        ids = kwargs["input_ids"][0].tolist()
        if correction in ids or (template != "verdict" and wrong in ids):
            raise fault

    speaker.model.register_forward_pre_hook(fail, with_kwargs=True)
    assert way(speaker.aligner, drafts) == [Correction(RIGHT[0])]


class Endless(Speaker):
    """Find every sentence wrong, and never come to an end with what is right."""

    def __init__(self, template):
        super().__init__(template, delay=0.005, max_growth=200)
        self.aligner.load()._corrector.shares_passes = True

    def correction(self, text):
        return "7" * 3000


@both_templates
def test_cancelling_the_first_draft_stops_them_all(template):
    speaker = Endless(template)
    drafts = speaker.drafts(*RIGHT[:3])
    faults = []

    def work():
        try:
            speaker.aligner.correct_many(drafts)
        except StoppedError as fault:
            faults.append(fault)

    thread = threading.Thread(target=work)
    thread.start()
    while speaker.watch.count < 5:
        time.sleep(0.001)
    speaker.aligner.cancel(drafts[1])
    count = speaker.watch.count
    while speaker.watch.count < count + 5:
        assert thread.is_alive()
        time.sleep(0.001)
    speaker.aligner.cancel(drafts[0])
    count = speaker.watch.count
    thread.join(60)
    assert len(faults) == 1
    # The passes under way, of two texts that are read side by side.
    assert speaker.watch.count <= count + 4
    assert not speaker.aligner._running


@both_templates
async def test_a_cancelled_task_stops_them_all(template):
    speaker = Endless(template)
    await asyncio.to_thread(speaker.aligner.load)
    task = asyncio.create_task(speaker.aligner.acorrect_many(speaker.drafts(*RIGHT[:3])))
    while speaker.watch.count < 5:
        await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(60):
        while speaker.aligner._running:
            await asyncio.sleep(0.001)
    count = speaker.watch.count
    await asyncio.sleep(0.05)
    assert speaker.watch.count == count


@both_templates
def test_many_replies_at_once_are_answered_as_each_alone(template, together):
    speaker = together(template)
    texts = [[f"Here are {number}.", f"Number {number} is 8.", "Done."] for number in range(20, 28)]
    calls = [partial(speaker.aligner.correct_many, speaker.drafts(*each)) for each in texts]

    async def gather():
        return await asyncio.gather(*(asyncio.to_thread(call) for call in calls))

    for each, answers in zip(texts, asyncio.run(gather()), strict=True):
        assert answers == [Correction(each[0]), Correction(each[1].replace("8", "7"))]
    assert speaker.watch.most_at_once == 1
