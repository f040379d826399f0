"""What is read ahead saves time and changes nothing; what an aligner is set to is checked where it is said."""

import random
import threading
import time

import pytest
from langchain_core.messages import HumanMessage

from stream_aligner_lc import TransformersAligner
from stream_aligner_lc.corrections import Correction, Draft
from stream_aligner_lc.errors import ConfigurationError
from tests.engine.replies import ENDS, NEVER, answered, completed, edited, engine_for, replies
from tests.engine.speakers import TEMPLATES, Speaker
from tests.local.small_models import Watch, model_of, random_model, small_llama, tokenizer
from tests.sums.judged import correcting, judged_problems

both_templates = pytest.mark.parametrize("template", TEMPLATES)
TEXTS = ["We add 3 and 4.", "That is 8.", "So it is 7.", "Done."]


def rest(aligner, seconds=60):
    """Wait until nothing is read ahead any more."""
    end = time.perf_counter() + seconds
    while aligner._threads._work_queue.qsize() or aligner._running:
        assert time.perf_counter() < end
        time.sleep(0.001)


def awaiting(draft):
    """Return what is known of a sentence while the upstream writes it."""
    return Draft(draft.messages, draft.prefix, "", index=draft.index)


@both_templates
def test_after_the_released_text_was_read_ahead_a_sentence_takes_fewer_tokens(template):
    took = {}
    for warms in (False, True):
        speaker = Speaker(template, warms=warms)
        # The second one is skipped, so that the third one's prompt goes on with more than the first one's.
        first, _, third = speaker.drafts("We add 3 and 4.", "That is seven and nothing else.", "So it is 7.")
        speaker.aligner.invoke(first)
        speaker.aligner.warm(awaiting(third))
        if warms:
            rest(speaker.aligner)
        num_before = sum(speaker.watch.fed)
        answer = speaker.aligner.invoke(third)
        assert answer == Correction("So it is 7.")
        assert answer.effort["passes"] == 1
        took[warms] = answer.tokens
        assert sum(speaker.watch.fed) - num_before == answer.tokens
    assert took[True] < took[False]


@both_templates
def test_nothing_is_read_ahead_where_nobody_wants_that(template):
    for warms in (False, None):
        # By default not on a processor, where it would cost what it saves.
        speaker = Speaker(template, warms=warms)
        first, second, *_ = speaker.drafts(*TEXTS)
        speaker.aligner.invoke(first)
        count = speaker.watch.count
        speaker.aligner.warm(awaiting(second))
        assert "_threads" not in vars(speaker.aligner)
        assert speaker.watch.count == count


@both_templates
def test_before_the_first_draft_nothing_is_loaded_to_read_ahead(template):
    speaker = Speaker(template, warms=True)
    speaker.aligner.warm(awaiting(speaker.drafts(*TEXTS)[0]))
    assert speaker.watch.count == 0
    assert speaker.aligner._corrector is None


@both_templates
def test_reading_ahead_changes_no_answer_whatever_comes_then(template):
    speaker, fresh, rng = Speaker(template, warms=True), Speaker(template), random.Random(template)
    drafts = speaker.drafts(*TEXTS)
    expected = [fresh.aligner.invoke(each) for each in fresh.drafts(*TEXTS)]
    assert [answer.text for answer in expected] == [TEXTS[0], "That is 7.", *TEXTS[2:]]
    for _ in range(30):
        speaker.aligner.warm(awaiting(rng.choice(drafts)))
        number = rng.randrange(4)
        # While it is still read, or after.
        if rng.random() < 0.5:
            rest(speaker.aligner)
        assert speaker.aligner.invoke(drafts[number]) == expected[number]
    assert speaker.watch.most_at_once == 1


@both_templates
def test_reading_ahead_is_given_up_when_it_is_not_wanted_any_more(template):
    speaker, go_on = Speaker(template, warms=True), threading.Event()
    first, *_ = speaker.drafts(*TEXTS)
    speaker.aligner.invoke(first)
    speaker.aligner._local.load().model.register_forward_pre_hook(lambda *_: go_on.wait(60) and None)
    long = Draft(first.messages, "And so on. " * 300, "")
    start = time.perf_counter()
    speaker.aligner.warm(long)
    # It does not wait for a pass.
    assert time.perf_counter() - start < 30
    speaker.aligner.cancel(long)
    go_on.set()
    rest(speaker.aligner)
    assert not speaker.aligner._running


@both_templates
def test_a_text_that_cannot_be_read_ahead_is_no_error(template):
    speaker = Speaker(template, warms=True, max_tokens=200)
    first, *_ = speaker.drafts(*TEXTS)
    speaker.aligner.invoke(first)
    count = speaker.watch.count
    speaker.aligner.warm(Draft(first.messages, "It goes on. " * 200, ""))
    rest(speaker.aligner)
    assert speaker.watch.count == count
    assert speaker.aligner.invoke(first) == Correction(first.text)


@pytest.mark.parametrize("kind", ["llama", "gemma2", "mistral", "gemma3n", "mamba", "phi3"])
def test_prompts_that_were_read_ahead_anywhere_are_answered_as_by_generate(kind):
    engine, rng = engine_for(model_of(kind)), random.Random(kind)
    for reply in replies(kind, seed="warm", lengths=(4, 4, 4)) if kind != "phi3" else []:
        for sentence in reply:
            engine.warm(sentence.prompt[: rng.randint(1, len(sentence.prompt))], stopped=NEVER)
            done = completed(engine, sentence.prompt, edited(sentence.answer, 0.5, rng))
            assert done[:2] == (sentence.answer, sentence.is_finished)
    # And across the length where the positions of one kind change.
    ids = [3 + number * 37 % 89 for number in range(80)]
    for length, warmed in ((60, 30), (63, 64), (64, 66), (80, 50), (20, 80)):
        engine.warm(ids[:warmed], stopped=NEVER)
        assert completed(engine, ids[:length], [])[:2] == answered(model_of(kind), ids[:length], 12, ENDS)


def test_whoever_waits_for_an_answer_comes_before_what_is_read_ahead():
    model = random_model()
    engine, begun, over = engine_for(model, ends=frozenset()), threading.Event(), threading.Event()
    rounds = engine._decoder.rounds
    # It is tried before anything is counted.
    assert rounds.worker.packing.is_possible
    completed(engine, [3, 4, 5], [], 1)
    watch = Watch(model)

    def at_work():
        begun.set()
        over.wait(20)

    threads = [
        threading.Thread(target=rounds.alone, args=(at_work,)),
        threading.Thread(target=engine.warm, args=([4] * 20,), kwargs={"stopped": NEVER}),
        threading.Thread(target=completed, args=(engine, [9, 8, 7], [], 1)),
    ]
    for num_waiting, thread in enumerate(threads):
        thread.start()
        begun.wait(20)
        while len(rounds._waiting) < num_waiting:
            time.sleep(0.001)
    over.set()
    for thread in threads:
        thread.join(20)
    assert watch.fed == [3, 20]


@pytest.mark.parametrize(
    ("name", "values", "said"),
    [
        ("temperature", [-0.1, float("nan"), float("inf"), "1", None, True], "a number of at least 0"),
        ("top_p", [-0.1, 1.1, float("nan"), "1", None, True], "a number from 0 to 1"),
        ("cache_bytes", [-1, float("nan"), float("inf"), "1GB", True], "a number of at least 0"),
    ],
)
def test_a_setting_that_is_none_is_refused_with_its_range_and_its_value(name, values, said):
    for value in values:
        with pytest.raises(ConfigurationError, match=f"`{name}` must be {said}, got {value!r}"):
            TransformersAligner("organisation/name", **{name: value})


@pytest.mark.parametrize("seed", ["7", 1.5, [1], object])
def test_a_seed_that_is_no_whole_number_is_refused(seed):
    with pytest.raises(ConfigurationError, match="`seed` must be"):
        TransformersAligner("organisation/name", seed=seed)


@pytest.mark.parametrize("seed", [0, -1, 1 << 70])
def test_every_whole_number_is_a_seed(seed):
    texts = {drawn(temperature=4.0, seed=seed)[0] for _ in range(2)}
    assert len(texts) == 1


PROBLEM = judged_problems(1, seed=2)[0]


def drawn(**options):
    """Return what a trained aligner makes of something hopeless, and what it took."""
    aligner = correcting(max_growth=40, **options)
    answer = aligner.invoke(Draft([HumanMessage(PROBLEM.question)], "", "I see. It is so."))
    return answer.text, aligner


def test_a_temperature_makes_answers_differ_and_a_seed_makes_them_come_again():
    greedy = drawn()[0]
    assert drawn(temperature=0)[0] == drawn(temperature=0.0, seed=3)[0] == greedy
    assert drawn(temperature=5.0, top_p=0.0)[0] == greedy
    texts = [drawn(temperature=3.0, seed=seed)[0] for seed in range(6)]
    assert len(set(texts)) > 3
    assert [drawn(temperature=3.0, seed=seed)[0] for seed in range(6)] == texts


def test_no_more_is_kept_than_the_cache_may_take():
    model = small_llama()
    for cache_bytes in (0, 50_000, 10_000_000):
        speaker = Speaker(cache_bytes=cache_bytes)
        memory = speaker.aligner._local.load().decoder.memory
        for draft in speaker.drafts(*(f"Here are {number}." for number in range(20))):
            speaker.aligner.invoke(draft)
            assert memory.num_bytes <= cache_bytes
        assert (memory.num_bytes > 0) == (cache_bytes > 50_000)
    assert TransformersAligner.from_model(model, tokenizer(), cache_bytes=None).load()._cache_bytes is None
