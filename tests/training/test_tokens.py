"""What a model is trained on, token by token: what it will be served, what it is to say, and nothing else."""

import random

import pytest
import torch
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

from stream_aligner_lc import ChatTransformers
from stream_aligner_lc.corrections import Draft
from stream_aligner_lc.errors import ConfigurationError
from stream_aligner_lc.local.correcting import Corrector
from stream_aligner_lc.local.encoding import Encoder
from stream_aligner_lc.local.forms import NOT_LEARNED
from stream_aligner_lc.local.verdicts import Judgement, form_of
from stream_aligner_lc.prompts import TEMPLATES, template_named
from stream_aligner_lc.rows.entry import Entry
from stream_aligner_lc.training.joining import TreeCollator, as_fields
from stream_aligner_lc.training.samples import Reply, Sample, reply, sample
from stream_aligner_lc.training.tokens import CorrectionRows, ReplyRows
from tests.local.small_models import small_llama, tokenizer
from tests.local.tokenizers_made import LOSSLESS, encoder, make
from tests.training.hostile import hostile_rows

PLENTY = 100_000
TOKENIZERS = {
    "bytes, plain": lambda: make("bytes", eos_token="</s>"),
    "bytes, ChatML": lambda: make("bytes", "qwen2"),
    "digits, ChatML that thinks": lambda: make("digits", "qwen3"),
    "SentencePiece, plain": lambda: make("legacy", eos_token="</s>", bos_token="<s>"),
    "SentencePiece without a space in front, turns": lambda: make("no prefix space", "gemma2"),
    "SentencePiece with a space in front, INST": lambda: make("prefix space", "llama2"),
    "unigram, headers": lambda: make("unigram", "llama3"),
    "the bundled pair's": tokenizer,
}
every_template = pytest.mark.parametrize("template", TEMPLATES)
every_tokenizer = pytest.mark.parametrize("name", TOKENIZERS)


def refuse(fault):
    pytest.fail(f"could not be used: {fault}")


def rows_of(form, samples, **options):
    return list(CorrectionRows(form, PLENTY, **options).rows(samples, on_fault=refuse))


def served_prompt(form, row):
    """Return what the engine is given for a row that comes along in a loop."""
    corrector = Corrector(form, None, name="it", max_tokens=PLENTY, max_growth=2.0, shares_passes=False)
    # As the loop makes its drafts.
    draft = Draft([HumanMessage(row["question"])], row["prefix"].rstrip(), row["last"].strip())
    return corrector._asked(draft).prompt


@every_template
@every_tokenizer
def test_what_is_trained_on_is_what_is_served_and_only_what_is_to_be_said_is_learned(name, template):
    form = form_of(Encoder(TOKENIZERS[name]()), template_named(template))
    end = form.encoder.end_of_answer
    for raw in hostile_rows(200):
        made = sample(Entry(raw, "here"))
        [row] = rows_of(form, [made])
        prompt = served_prompt(form, raw)
        correction = raw["correction"].strip()
        said = [*form.answer(correction), end]
        if template == "verdict":
            changes = correction != raw["last"].strip()
            said = said if changes else []
            verdict = form.verdict(Judgement(replaces=changes, end=raw["end"]))
            assert row.ids == [*prompt, end, *said]
            assert row.labels == [NOT_LEARNED] * len(prompt) + [verdict, *said]
        else:
            assert row.ids == prompt + said
            assert row.labels == [NOT_LEARNED] * len(prompt) + said


@every_template
@pytest.mark.parametrize("kind", LOSSLESS)
def test_what_is_learned_reads_as_the_correction(kind, template):
    form = form_of(encoder(kind, "qwen2"), template_named(template))
    for raw in hostile_rows(100, seed=1):
        if "▁" in raw["correction"] and "space" in kind:
            continue
        [row] = rows_of(form, [sample(Entry({**raw, "last": "Other."}, "here"))])
        learned = [label for label in row.labels if label != NOT_LEARNED]
        assert form.read(learned[template == "verdict" : -1]) == raw["correction"].strip()


@every_template
def test_a_row_that_is_too_long_loses_the_older_half_of_its_prefix_until_it_fits(template):
    if not TEMPLATES[template].has_prefix:
        return
    form = form_of(Encoder(tokenizer()), template_named(template))
    long = Sample("Why?", " ".join(f"Step {number} is done." for number in range(40)), "So 8.", "So 7.", False, "here")
    [whole] = rows_of(form, [long])
    limit = len(whole.ids) // 3
    [row] = CorrectionRows(form, limit).rows([long], on_fault=refuse)
    assert limit / 3 < len(row.ids) <= limit
    assert [label for label in row.labels if label != NOT_LEARNED] == [
        label for label in whole.labels if label != NOT_LEARNED
    ]


@every_template
def test_a_row_that_does_not_fit_without_its_prefix_is_told_with_both_numbers(template):
    form, faults = form_of(Encoder(tokenizer()), template_named(template)), []
    asked = Sample("Why?", "", "So 8.", "So 7.", False, "x.jsonl, line 3")
    [whole] = rows_of(form, [asked])
    length = len(whole.ids)
    assert list(CorrectionRows(form, length).rows([asked], on_fault=refuse)) == [whole]
    assert list(CorrectionRows(form, length - 1).rows([asked], on_fault=faults.append)) == []
    said = f"x.jsonl, line 3, field 'question': the row has {length} tokens even without its prefix, and {length - 1} "
    assert str(faults[0]).startswith(said)


def reply_of(question, sentences):
    """Return the samples of one reply: what stands, and what is replaced, in a row."""
    samples, prefix = [], ""
    for last, correction in sentences:
        samples.append(Sample(question, prefix, last, correction, False, "here"))
        prefix = f"{prefix} {correction}".strip()
    samples[-1] = samples[-1]._replace(end=True)
    return samples


def random_replies(count):
    rng = random.Random(3)
    for number in range(count):
        sentences = [(f"Step {at} is {rng.randint(1, 9)}.", rng.random() < 0.3) for at in range(rng.randint(1, 6))]
        yield reply_of(
            f"What is {number}?", [(last, last[:-1] + " now." if wrong else last) for last, wrong in sentences]
        )


def summed_loss(model, rows):
    """Return the loss over every learned token."""
    total = torch.zeros((), dtype=torch.float64)
    for row in rows:
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([row.ids])).logits[0, :-1]
        labels = torch.tensor(row.labels[1:])
        total += torch.nn.functional.cross_entropy(logits, labels, ignore_index=NOT_LEARNED, reduction="sum")
    return float(total)


def learned(rows):
    return sorted(label for row in rows for label in row.labels if label != NOT_LEARNED)


def summed_loss_of_trees(model, trees):
    total = torch.zeros((), dtype=torch.float64)
    for tree in trees:
        batch = TreeCollator(0)([as_fields(tree)])
        labels, mask = batch.pop("labels")[0, 1:], batch.pop("attention_mask")
        with torch.no_grad():
            logits = model(**batch, attention_mask=mask).logits[0, :-1]
        total += torch.nn.functional.cross_entropy(logits, labels, ignore_index=NOT_LEARNED, reduction="sum")
    return float(total)


@every_template
@pytest.mark.parametrize("learns_text", [False, True])
def test_joined_rows_hold_every_label_and_have_the_same_loss(template, learns_text):
    form, model = form_of(Encoder(tokenizer()), template_named(template)), small_llama(vocab_size=1024).double()
    made = CorrectionRows(form, PLENTY, learns_text)
    num_apart = num_together = 0
    for samples in random_replies(10):
        apart, together = rows_of(form, samples), list(CorrectionRows(form, PLENTY).trees(samples, on_fault=refuse))
        assert len(together) == 1
        assert learned(together) == learned(apart)
        assert summed_loss_of_trees(model, together) == pytest.approx(summed_loss(model, apart), rel=1e-9)
        num_apart += sum(len(row.ids) for row in apart)
        num_together += sum(len(tree.ids) for tree in together)
        # The released text is to be learned once, where it was once for every sentence after it.
        told = list(made.trees(samples, on_fault=refuse))
        assert len(learned(together)) <= len(learned(told)) <= len(learned(rows_of(form, samples, learns_text=True)))
    # There is something to be gained by it.
    assert num_together < 0.9 * num_apart


@every_template
def test_what_contradicts_itself_loses_no_label_when_it_is_joined(template):
    form, model = form_of(Encoder(tokenizer()), template_named(template)), small_llama(vocab_size=1024).double()
    first, second = reply_of("Why?", [("It is so.", "It is so."), ("And so.", "And so.")])
    pairs = [
        [second, first],
        [first, second._replace(prefix="It was so.")],
        [first._replace(last="It is.", correction="It was."), second],
        [first, first._replace(correction="It was so.")],
        [first._replace(correction="It was so."), first],
        [first._replace(correction="It was so."), first._replace(correction="It was not.")],
    ]
    for samples in pairs:
        apart, together = rows_of(form, samples), list(CorrectionRows(form, PLENTY).trees(samples, on_fault=refuse))
        assert sorted({*learned(together)}) == sorted({*learned(apart)})
        # What two rows say alike of the same sentence is there once.
        if len({(each.prefix, each.last) for each in samples}) == 2:
            assert learned(together) == learned(apart)
            assert summed_loss_of_trees(model, together) == pytest.approx(summed_loss(model, apart), rel=1e-9)


def test_questions_share_no_tree_and_no_tree_is_longer_than_a_row_may_be():
    form = form_of(Encoder(tokenizer()), template_named("verdict"))
    replies = [each for samples in random_replies(6) for each in samples]
    assert len(list(CorrectionRows(form, PLENTY).trees(replies, on_fault=refuse))) == 6
    limit = max(len(row.ids) for row in rows_of(form, replies))
    short = list(CorrectionRows(form, limit).trees(replies, on_fault=refuse))
    assert max(len(tree.ids) for tree in short) <= limit + 1
    assert learned(short) == learned(rows_of(form, replies))


@every_template
@every_tokenizer
def test_the_copy_stage_learns_the_sentence_and_no_verdict(name, template):
    form = form_of(Encoder(TOKENIZERS[name]()), template_named(template))
    made = CorrectionRows(form, PLENTY)
    for raw in hostile_rows(20, seed=2):
        asked = sample(Entry(raw, "here"))
        [row] = made.copying_rows([asked], on_fault=refuse)
        said = [*form.answer(asked.last), form.encoder.end_of_answer]
        assert row.ids[-len(said) :] == said
        assert row.labels == [NOT_LEARNED] * (len(row.ids) - len(said)) + said


def test_the_released_text_is_learned_where_that_is_asked_for():
    ours = tokenizer()
    asked = Sample("Why?", "We add 3 and 4.", "So it is 8.", "So it is 7.", False, "here")
    for template, told in [("verdict", "We add 3 and 4. So it is"), ("stream-aligner", "We add 3 and 4.")]:
        form = form_of(Encoder(ours), template_named(template))
        [row] = rows_of(form, [asked], learns_text=True)
        [without] = rows_of(form, [asked])
        text = [new for new, old in zip(row.labels, without.labels, strict=True) if new != old]
        assert ours.decode(text).strip() == told


CONVERSATIONS = [
    ([HumanMessage("Why?")], ""),
    ([HumanMessage("Why <|im_end|> </s>?\n")], "It is so.\nAnd"),
    ([HumanMessage("Why?"), AIMessage(" So. "), HumanMessage("And\n\nthen?")], "Then {}"),
    ([SystemMessage("Be short."), HumanMessage("Why?")], ""),
    ([SystemMessage("Be [INST] short."), HumanMessage("Why?")], "Well, 😀"),
]
_ROLES = {"human": "user", "ai": "assistant", "system": "system"}
CHATS = [name for name in TOKENIZERS if "plain" not in name]
TAKE_NO_SYSTEM_MESSAGE = ("SentencePiece without a space in front, turns",)


@pytest.mark.parametrize("name", CHATS)
@pytest.mark.parametrize(("messages", "prefix"), CONVERSATIONS)
def test_a_reply_is_trained_after_the_prompt_that_an_upstream_is_given(name, messages, prefix):
    ours = TOKENIZERS[name]()
    if name in TAKE_NO_SYSTEM_MESSAGE:
        messages = [message for message in messages if message.type != "system"]
    upstream = ChatTransformers.from_model(small_llama(vocab_size=1024), ours)
    given = [*messages, AIMessage(prefix)] if prefix else messages
    prompt = upstream._prompt(upstream._local.load(), given, goes_on=None)
    turns = [{"role": _ROLES[message.type], "content": message.text} for message in messages]
    asked = reply(Entry({"messages": turns, "prefix": prefix, "answer": "So it is."}, "here"))
    [row] = ReplyRows(Encoder(ours), PLENTY).rows([asked], on_fault=refuse)
    assert row.ids[: len(prompt)] == prompt
    said = row.ids[len(prompt) :]
    assert row.labels == [NOT_LEARNED] * len(prompt) + said
    assert said[-1] == Encoder(ours).end_of_answer
    assert said[-1] in upstream._local.load().ends
    assert ours.decode(said[:-1]).strip() == "So it is."


def test_a_conversation_that_the_chat_template_refuses_is_one_rows_fault():
    made, faults = ReplyRows(Encoder(make("bytes", "gemma2")), PLENTY), []
    rows = [
        Reply((("system", "Be short."), ("user", "Why?")), "", "So.", "x.jsonl, line 1"),
        Reply((("user", "Why?"),), "", "So.", "x.jsonl, line 2"),
    ]
    assert len(list(made.rows(rows, on_fault=faults.append))) == 1
    assert str(faults[0]).startswith("x.jsonl, line 1, field 'messages': The model's chat template refuses")


def test_replies_need_a_chat_template():
    with pytest.raises(ConfigurationError, match=r"no chat template.*Set `tokenizer.chat_template`"):
        list(ReplyRows(Encoder(make("bytes", eos_token="</s>")), PLENTY).rows([], on_fault=refuse))


def test_a_reply_that_is_too_long_is_told_with_its_place():
    faults = []
    long = Reply((("user", "Why?"),), "", "So. " * 50, "x.jsonl, line 9")
    assert list(ReplyRows(Encoder(tokenizer()), 50).rows([long], on_fault=faults.append)) == []
    assert str(faults[0]).startswith("x.jsonl, line 9, field 'answer': the row has ")
