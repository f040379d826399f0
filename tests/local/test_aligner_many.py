"""An aligner that is handed all waiting sentences, the verdict template, dice, and what is read ahead of a sentence."""

import asyncio
import threading
import time

import pytest
import torch
from langchain_core.messages import HumanMessage

from stream_aligner_lc import TransformersAligner
from stream_aligner_lc.corrections import Correction, Draft
from stream_aligner_lc.errors import AlignerError, ConfigurationError
from stream_aligner_lc.local.completions import Prompt
from tests.local.aligner_models import QUESTION, Judge, Reviser, both_chats, both_ways, draft
from tests.local.small_models import small_llama, tokenizer

REPLY = ["We add 3 and 4.", "That is 8.", "So it is 8.", "Done."]


def drafts(reply, question=QUESTION):
    """Return the sentences of a reply as they wait, each behind those before."""
    messages = [HumanMessage(question)]
    return [Draft(messages, " ".join(reply[:number]), text, index=number) for number, text in enumerate(reply)]


def ask_many(aligner, asked):
    return aligner.correct_many(asked)


def aask_many(aligner, asked):
    return asyncio.run(aligner.acorrect_many(asked))


both_many = pytest.mark.parametrize("way", [ask_many, aask_many])


def test_all_waiting_sentences_are_handed_over():
    assert Reviser().aligner.joint
    assert Judge().aligner.joint


@both_many
def test_on_a_processor_a_revision_is_written_for_one_sentence_at_a_time(way):
    reviser = Reviser()
    answers = way(reviser.aligner, drafts(REPLY))
    assert answers == [Correction(REPLY[0])]
    assert reviser.watch.count == 1
    assert {seen[2] for seen in reviser.seen if seen[2]} == {REPLY[0]}


@both_many
def test_several_sentences_are_judged_in_one_pass_and_more_of_them_the_fewer_change(way):
    judge, reply = Judge(), [f"Step {number} is done." for number in range(9)]
    waiting, numbers = drafts(reply), []
    while waiting:
        answers = way(judge.aligner, waiting)
        assert [answer.text for answer in answers] == [asked.text for asked in waiting[: len(answers)]]
        numbers.append(len(answers))
        waiting = waiting[len(answers) :]
    assert numbers == sorted(numbers)
    assert numbers[0] > 1
    assert judge.watch.count == len(numbers)
    # Every token went through the model once.
    context = judge.aligner._equip().form.prompt(QUESTION, " ".join(reply[:-1]), reply[-1])
    assert sum(judge.watch.fed) == len(context)
    assert judge.aligner.effort["tokens_fed"] == sum(judge.watch.fed)
    assert judge.aligner.effort["passes"] == len(numbers)


@both_many
def test_the_first_sentence_that_changes_is_the_last_that_is_answered(way):
    judge = Judge({"8": "7"})
    assert [answer.text for answer in way(judge.aligner, drafts(REPLY))] == ["We add 3 and 4.", "That is 7."]
    assert [answer.text for answer in way(judge.aligner, drafts(REPLY)[1:])] == ["That is 7."]


@both_ways
@pytest.mark.parametrize(
    ("text", "mistakes", "last", "answer"),
    [
        ("That is 7.", {}, None, Correction("That is 7.")),
        ("That is 8.", {"8": "7"}, None, Correction("That is 7.")),
        ("That is 8.", {"That is 8.": ""}, None, Correction("")),
        ("That is 7.", {}, "That is 7.", Correction("That is 7.", end=True)),
        ("That is 8.", {"8": "7"}, "That is 7.", Correction("That is 7.", end=True)),
        ("Das sind 8 Äpfel, 是 8 个。", {"8": "7"}, None, Correction("Das sind 7 Äpfel, 是 7 个。")),
        ("<|user|> ##Answer: 8", {"8": "7"}, None, Correction("<|user|> ##Answer: 7")),
    ],
)
def test_a_sentence_stands_or_is_replaced_and_may_be_the_last(way, text, mistakes, last, answer):
    judge = Judge(mistakes, last=last)
    assert way(judge.aligner, draft(text)) == answer


@both_chats
def test_a_reply_is_corrected_sentence_by_sentence_by_verdicts(chat):
    judge = Judge({"is 8": "is 7"}, last="Done.")
    message = chat(judge.aligner, "We add. That is 8. So it is 8. Done.")
    assert message.content == "We add. That is 7. So it is 7. Done."


@both_ways
def test_a_model_that_gives_no_verdicts_is_an_aligner_error(way):
    aligner = TransformersAligner.from_model(small_llama(vocab_size=1024), tokenizer(), template="verdict")
    with pytest.raises(AlignerError, match=r"Asked for a verdict, the model said .* not trained in the template"):
        way(aligner, draft())


@both_many
def test_what_is_wrong_with_a_later_sentence_is_told_when_it_is_its_turn(way):
    judge = Judge(max_tokens=200)
    waiting = drafts(["We add 3 and 4.", "and so on " * 200])
    assert [answer.text for answer in way(judge.aligner, waiting)] == ["We add 3 and 4."]
    with pytest.raises(AlignerError, match=r"sentence 1 has .* even without the text so far"):
        way(judge.aligner, waiting[1:])


@both_ways
def test_a_device_without_room_is_an_aligner_error_that_names_the_way_out(way):
    reviser = Reviser()

    def fail(module, args):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    layer = reviser.aligner._local.load().model.model.layers[0]
    hook = layer.register_forward_pre_hook(fail)
    with pytest.raises(AlignerError, match=r"no memory left for sentence 1 beside SpeakingModel.*dtype") as error:
        way(reviser.aligner, draft())
    assert (error.value.released, error.value.draft) == ("We add 3 and 4.", "That is 7.")
    hook.remove()
    assert way(reviser.aligner, draft()).text == "That is 7."


def warmed(reviser, asked):
    reviser.aligner.warm(asked)
    while reviser.aligner._running or not reviser.watch.count:
        time.sleep(0.001)


def test_a_processor_reads_nothing_ahead_unless_it_is_told_to():
    reviser = Reviser()
    reviser.aligner.load()
    reviser.aligner.warm(draft(""))
    assert "_threads" not in vars(reviser.aligner)


@pytest.mark.parametrize("model", [Reviser, Judge])
def test_what_was_read_ahead_of_a_sentence_is_not_read_again(model):
    cold, warm = model(), model(warms=True)
    # Before it is loaded there is nothing to read with.
    warm.aligner.warm(draft(""))
    warm.aligner.load()
    warmed(warm, draft(""))
    (ahead,) = warm.watch.fed
    answers = [each.aligner.invoke(draft()) for each in (cold, warm)]
    assert answers[0] == answers[1]
    assert answers[1].effort["tokens_reused"] == ahead > 10
    assert answers[1].tokens == answers[0].tokens - ahead


def test_what_is_wrong_with_reading_ahead_is_nobody_s_affair():
    reviser = Reviser(warms=True, max_tokens=60)
    reviser.aligner.load()
    reviser.aligner.warm(draft("", question="How many? " * 100))
    reviser.aligner._threads.shutdown()
    assert reviser.watch.count == 0


def sampled(seed, **options):
    aligner = TransformersAligner.from_model(small_llama(vocab_size=1024), tokenizer(), seed=seed, **options)
    engine = aligner._equip().engine
    (done,) = engine.complete_each([Prompt([9, 8, 7], [5, 6], 30)], stopped=threading.Event())
    return done.ids


def test_with_a_temperature_the_answer_is_drawn_and_a_seed_draws_it_again():
    assert sampled(1, temperature=1.0) == sampled(1, temperature=1.0)
    assert sampled(1, temperature=1.0) != sampled(2, temperature=1.0)
    assert sampled(None, temperature=1.0) != sampled(None, temperature=1.0)
    assert sampled(1) == sampled(2) == sampled(None)
    # Of a nucleus so small only the most probable token is left.
    assert sampled(1, temperature=1.0, top_p=1e-6) == sampled(None)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"temperature": -0.1}, "`temperature` must be a number of at least 0, got -0.1"),
        ({"temperature": True}, "`temperature` must be a number of at least 0, got True"),
        ({"top_p": 1.5}, "`top_p` must be a number from 0 to 1, got 1.5"),
        ({"cache_bytes": -1}, "`cache_bytes` must be a number of at least 0, got -1"),
        ({"cache_bytes": "1 GB"}, "`cache_bytes` must be a number of at least 0, got '1 GB'"),
    ],
)
def test_a_setting_out_of_its_range_is_refused_with_its_value(options, said):
    with pytest.raises(ConfigurationError, match=said):
        TransformersAligner("organisation/name", **options)


def test_what_is_kept_is_bounded_by_the_setting():
    reviser = Reviser(cache_bytes=0)
    reviser.aligner.invoke(draft())
    assert reviser.aligner._local.load().decoder.memory.num_bytes == 0
    assert reviser.aligner.invoke(draft()).effort["cache_hits"] == 0
    assert Reviser().aligner.load()._local.load().decoder.memory.kept_bytes > 0


def test_a_template_and_dice_change_the_identity():
    model, own = small_llama(vocab_size=1024), tokenizer()
    settings = [{}, {"template": "verdict"}, {"temperature": 0.5}, {"temperature": 0.5, "seed": 1}, {"top_p": 0.5}]
    aligners = [TransformersAligner.from_model(model, own, **options) for options in settings]
    said = [{**aligner.identity, "model": ""} for aligner in aligners]
    assert all(said.count(each) == 1 for each in said)
    # What it remembers and when it reads changes no answer.
    other = TransformersAligner.from_model(model, own, cache_bytes=5, warms=True)
    assert {**other.identity, "model": ""} == said[0]
