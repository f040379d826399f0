"""The encoder: what a chat template renders, as ids; what comes from outside stays text."""

import threading
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, normalizers

from stream_aligner_lc.errors import ConfigurationError
from stream_aligner_lc.local.encoding import Encoder
from stream_aligner_lc.local.frames import Turn
from stream_aligner_lc.prompts import Part
from tests.local.chat_templates import FAMILIES
from tests.local.tokenizers_made import KINDS, LOSSLESS, SPACED, encoder, make, surround

some = settings(max_examples=25)
more = settings(max_examples=40)

NAMES = sorted({name for family in FAMILIES.values() for name in (*family.special, *family.added)})
HOSTILE = [*NAMES, "<s>", "</s>", "<unk>", "<bos>", "[INST]", "<0x0A>", "<0xE2>", "[UNK]", "[SEP]", "##Question:"]
HALVES = [half for name in HOSTILE for half in (name[:1], name[1:], name[:-1], name[-1:], name[2:], name[:-2])]
WORDS = [
    "Hello",
    "the",
    "cat",
    " ",
    "  ",
    "\n",
    "\n\n",
    "\t",
    ".",
    "user",
    "### Assistant:\n",
    "slot-4f1c9a-0-",
    "{{ x }}",
]

# "▁" is how some tokenizers write a space.
harmless = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="▁"), max_size=12)
worded = st.lists(st.sampled_from(WORDS), max_size=6).map("".join)
hostile = st.lists(st.sampled_from([*HOSTILE, *HALVES, *WORDS, "\0", "\ud800", "😀"]), max_size=8).map("".join)
contents = st.one_of(worded, harmless)

families = st.sampled_from(sorted(FAMILIES))
every_kind = pytest.mark.parametrize("kind", KINDS)
every_family = pytest.mark.parametrize("family", FAMILIES)


def lossless(family):
    # Control tokens with a "▁" in them cannot be told from spaces by the others.
    return LOSSLESS if family != "deepseek" else ("bytes", "digits")


def turns(*said):
    return [Turn(role, [Part(text, is_ours=False)]) for role, text in said]


def rendered(tokenizer, said, **options):
    messages = [{"role": role, "content": text} for role, text in said]
    return tokenizer.apply_chat_template(messages, tokenize=False, **options)


def open_at(tokenizer, said):
    """Render a conversation and end it exactly where the last text ends, whatever the template strips there."""
    *before, (role, text) = said
    return rendered(tokenizer, [*before, (role, text + "|END|")]).rpartition("|END|")[0]


def decoded(encoder, ids):
    return encoder.tokenizer.decode(ids, clean_up_tokenization_spaces=False)


def conversation(family, texts):
    """Return as many messages as there are texts, in roles that the family takes, the user's last."""
    roles = ["user", "assistant"] * len(texts)
    if FAMILIES[family].takes_system:
        roles.insert(0, "system")
    has_system = roles[0] == "system"
    length = len(texts) if (len(texts) - has_system) % 2 else len(texts) - 1
    if family == "llama2":
        # It strips its own words where a message is blank.
        texts = [text if text.strip() else "Yes" for text in texts]
    return list(zip(roles, texts[:length], strict=False))


@every_family
@some
@given(texts=st.lists(contents, min_size=4, max_size=5), data=st.data())
def test_a_conversation_decodes_to_what_the_template_renders(family, texts, data):
    coder, said = encoder(data.draw(st.sampled_from(lossless(family))), family), conversation(family, texts)
    ids = coder.conversation(turns(*said))
    assert decoded(coder, ids) == rendered(coder.tokenizer, said, add_generation_prompt=True)


@every_family
@some
@given(texts=st.lists(contents, min_size=4, max_size=5), answer=contents, data=st.data())
def test_a_turn_that_goes_on_ends_exactly_where_its_text_ends(family, texts, answer, data):
    coder = encoder(data.draw(st.sampled_from(lossless(family))), family)
    said = [*conversation(family, texts), ("assistant", answer)]
    if family == "mistral3":
        # It says its system message in the user's last turn, and there is none here.
        said = said[1:]
    assert decoded(coder, coder.conversation(turns(*said), goes_on=True)) == open_at(coder.tokenizer, said)


@every_family
@pytest.mark.parametrize("answer", ["So", "So far\nso good.", "the cat. the cat.", "Question Question"])
def test_a_turn_that_goes_on_is_as_transformers_continues_it(family, answer):
    said = [("user", "the cat. Question"), ("assistant", answer)]
    for coder in (encoder(kind, family) for kind in lossless(family)):
        ids = coder.conversation(turns(*said), goes_on=True)
        assert decoded(coder, ids) == rendered(coder.tokenizer, said, continue_final_message=True)


@every_kind
@every_family
def test_the_ids_of_plain_words_are_those_of_the_whole_rendering(kind, family):
    coder, said = encoder(kind, family), conversation(family, ["Hello, you.", "The answer", "I am fine.", "So"])
    assert coder.conversation(turns(*said)) == coder.ours(rendered(coder.tokenizer, said, add_generation_prompt=True))
    said = [("user", "The answer is"), ("assistant", "One two.")]
    whole = rendered(coder.tokenizer, said, continue_final_message=True)
    assert coder.conversation(turns(*said), goes_on=True) == coder.ours(whole)


def control_ids(coder):
    """All that the tokenizer knows as more than text, what it writes for unknown characters aside."""
    tokenizer = coder.tokenizer
    return {*tokenizer.added_tokens_decoder} - {tokenizer.unk_token_id}


def whole_characters(text):
    return text.replace("\ud800", "\ufffd")


@every_kind
@some
@given(text=hostile, family=families)
def test_no_control_token_comes_from_outside(kind, text, family):
    coder, control = encoder(kind, family), control_ids(encoder(kind, family))
    assert control.isdisjoint(coder.text(text))
    ours = coder.conversation(turns(("user", "Yes")))
    ids = coder.conversation(turns(("user", text + "Yes")))
    assert [token for token in ids if token in control] == [token for token in ours if token in control]


@pytest.mark.parametrize("kind", LOSSLESS)
@some
@given(text=hostile, family=families)
def test_what_looks_like_a_control_token_is_the_same_text_afterwards(kind, text, family):
    coder = encoder(kind, family)
    ids = coder.conversation(turns(("user", f"x{text}x")))
    marked = f"x{whole_characters(text)}x"
    if kind not in ("bytes", "digits"):
        marked = marked.replace("▁", " ")
    assert marked in decoded(coder, ids)


@every_kind
@more
@given(parts=st.lists(hostile, max_size=5))
def test_halves_of_names_do_not_join_across_parts(kind, parts):
    coder = encoder(kind, "qwen3")
    ids = coder.parts([Part(part, is_ours=False) for part in parts])
    assert control_ids(coder).isdisjoint(ids)


OVERLAPPING = ["<a>", "<a><b>", "a><b", "<|x|>", "|x|", "aa", "aaa", "ab", "><", "<<a>>"]


@pytest.mark.parametrize("kind", [*LOSSLESS, "unigram"])
@more
@given(text=st.text("<>ab|x ", max_size=20))
def test_names_that_overlap_are_all_spelled_out(kind, text):
    coder = overlapping(kind)
    ids = coder.text("." + text)
    assert control_ids(coder).isdisjoint(ids)
    assert decoded(coder, ids).lstrip(" ") == "." + text


@cache
def overlapping(kind):
    return Encoder(make(kind, tokens=OVERLAPPING))


def test_a_name_that_the_tokenizer_reads_in_other_letters_is_spelled_out():
    tokenizer = make("bytes", tokens=[AddedToken("<end>", special=True, normalized=True)])
    tokenizer.backend_tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    coder = Encoder(tokenizer)
    hostile = "It is <END> or ＜ｅｎｄ＞, so."
    assert coder.ours(hostile).count(tokenizer.convert_tokens_to_ids("<end>")) == 2
    ids = coder.text(hostile)
    assert control_ids(coder).isdisjoint(ids)
    assert decoded(coder, ids) == "it is <end> or <end>, so."


def test_the_name_of_a_byte_is_spelled_out_where_the_tokenizer_would_take_it_for_the_byte():
    coder = encoder("unigram")
    assert decoded(coder, coder.ours("a<0x0A>b")) == "a\nb"
    assert decoded(coder, coder.text("a<0x0A>b")) == "a<0x0A>b"


def test_runs_of_spaces_and_single_letters_that_are_tokens_are_text():
    runs = [AddedToken("\n\n", normalized=False), AddedToken("    ", normalized=False), AddedToken("x", special=True)]
    coder = Encoder(make("bytes", tokens=runs))
    text = "def f(x):\n\n    return x"
    assert coder.text(text) == coder.ours(text)
    assert {*coder.text(text)} & control_ids(coder)


@every_kind
def test_long_runs_are_only_text(kind):
    coder = encoder(kind, "qwen2")
    for text in ("<|im_end|>" * 1000, "<|im_" * 500, "a" * 9000, "\0" * 2000, "\ud800" * 2000):
        assert control_ids(coder).isdisjoint(coder.text(text))


@pytest.mark.parametrize("kind", [*LOSSLESS, *SPACED[1:]])
@some
@given(before=hostile, last=hostile, family=families)
def test_what_comes_later_changes_no_token_before_it(kind, before, last, family):
    coder = encoder(kind, family)
    parts = [Part("##Answer_Prefix: ", is_ours=True), Part(before, is_ours=False), Part(" | ##Last: ", is_ours=True)]
    start = coder.conversation([Turn("user", parts)], goes_on=True)
    whole = coder.conversation([Turn("user", [*parts, Part(last, is_ours=False)])])
    assert whole[: len(start)] == start


@every_family
def test_the_end_of_a_turn_is_the_templates(family):
    for coder in (encoder(kind, family) for kind in KINDS):
        assert coder.end_of_turn == coder.tokenizer.convert_tokens_to_ids(FAMILIES[family].end)


def test_a_control_token_that_is_not_special_ends_a_turn():
    coder = Encoder(make("bytes", "deepseek", eos_token="<|endoftext|>", tokens=[AddedToken("<｜end▁of▁sentence｜>")]))
    assert coder.end_of_turn == coder.tokenizer.convert_tokens_to_ids("<｜end▁of▁sentence｜>")


def test_whitespace_may_stand_before_the_token_that_ends_a_turn():
    template = "{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}\n<|im_end|>\n{% endfor %}"
    coder = Encoder(make("bytes", tokens=["<|im_end|>"], eos_token="</s>", chat_template=template))
    assert coder.end_of_turn == coder.tokenizer.convert_tokens_to_ids("<|im_end|>")


@pytest.mark.parametrize(
    "template",
    [
        "{% if messages[0].role != 'system' %}{{ raise_exception('') }}{% endif %}{{ messages[1].content }}<|im_end|>",
        "{% for m in messages if m.role == 'user' %}{{ m.content }}<|im_end|>{% endfor %}",
    ],
    ids=["wants a system message", "takes no answer"],
)
def test_a_template_for_prompts_alone_ends_turns_as_the_tokenizer_does(template):
    coder = Encoder(make("bytes", tokens=["<|im_end|>"], eos_token="</s>", chat_template=template))
    assert coder.end_of_turn == coder.tokenizer.eos_token_id


def test_a_tokenizer_without_an_end_has_no_end_of_turn():
    assert Encoder(make("bytes")).end_of_turn is None


@pytest.mark.parametrize(
    ("before", "after", "start"),
    [
        ((), (), []),
        (["<s>"], (), ["<s>"]),
        (["<s>"], ["</s>"], ["<s>"]),
        ((), ["</s>"], []),
        (["[CLS]"], ["</s>"], ["[CLS]"]),
    ],
)
@every_kind
def test_a_plain_prompt_has_the_tokenizers_own_start_and_no_end(kind, before, after, start):
    tokenizer = make(kind, tokens=["[CLS]"], bos_token="<s>", eos_token="</s>")
    bare = Encoder(tokenizer).plain([Part("The cat", is_ours=True)])
    coder = Encoder(surround(tokenizer, before, after))
    assert coder.plain([Part("The cat", is_ours=True)]) == [*tokenizer.convert_tokens_to_ids(start), *bare]
    # Inside a chat template, and in a text, nothing is added.
    assert coder.text("The cat") == coder.ours("The cat") == bare


def test_a_tokenizer_that_ends_texts_with_its_start_token_starts_no_prompt_with_it():
    tokenizer = make("bytes", bos_token="<|endoftext|>", eos_token="<|endoftext|>")
    coder = Encoder(surround(tokenizer, after=["<|endoftext|>"]))
    assert coder.plain([Part("a", is_ours=True)]) == coder.ours("a")


def test_a_template_that_leaves_out_a_message_is_an_error_that_names_its_role():
    with pytest.raises(ConfigurationError, match="leaves out the 'system' message"):
        encoder("bytes", "no system").conversation(turns(("system", "Be brief."), ("user", "Hello")))


def test_a_system_message_that_a_continued_turn_leaves_out_is_an_error():
    said = [("system", "Be brief."), ("user", "Hello"), ("assistant", "So")]
    with pytest.raises(ConfigurationError, match="leaves out the 'system' message"):
        encoder("bytes", "mistral3").conversation(turns(*said), goes_on=True)


@pytest.mark.parametrize("family", ["gemma2", "mistral"])
def test_a_refusal_says_it_in_the_templates_own_words(family):
    with pytest.raises(ConfigurationError, match=r"of the roles system, user: .*role.*chat_template"):
        encoder("bytes", family).conversation(turns(("system", "Be brief."), ("user", "Hello")))


def test_a_conversation_without_a_template_or_messages_is_refused():
    with pytest.raises(ConfigurationError):
        Encoder(make("bytes")).conversation(turns(("user", "Hello")))
    with pytest.raises(ConfigurationError):
        encoder("bytes", "qwen2").conversation([])


def test_a_template_may_say_messages_in_another_order_and_twice():
    template = (
        "{{ messages[-1].content }}<|im_end|>{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>"
        "{% endfor %}"
    )
    coder = Encoder(make("bytes", "qwen2", chat_template=template))
    said = [("user", "One"), ("assistant", "Two"), ("user", "Three")]
    whole = rendered(coder.tokenizer, said)
    assert decoded(coder, coder.conversation(turns(*said))) == whole
    assert decoded(coder, coder.conversation(turns(*said), goes_on=True)) == whole.removesuffix("<|im_end|>")


def test_the_same_turn_may_come_twice():
    coder, said = encoder("bytes", "qwen2"), turns(("assistant", "Yes"))
    assert decoded(coder, coder.conversation(said * 3, goes_on=True)).count("Yes") == 3


@pytest.mark.parametrize(
    "method", ["strip()", "lstrip()", "rstrip()", "strip('\\n')", "lstrip('\\n')", "rstrip('\\n ')"]
)
@more
@given(texts=st.lists(st.text("\n\t a", max_size=6), min_size=3, max_size=3))
def test_what_a_template_strips_is_stripped(method, texts):
    coder, said = stripping(method), list(zip(["user", "assistant", "user"], texts, strict=True))
    assert decoded(coder, coder.conversation(turns(*said))) == rendered(coder.tokenizer, said)
    assert decoded(coder, coder.conversation(turns(*said), goes_on=True)) == open_at(coder.tokenizer, said)


@cache
def stripping(method):
    template = "{% for m in messages %}<|im_start|>{{ m.role }}\n\n{{ m.content.METHOD }}\n<|im_end|>{% endfor %}"
    return Encoder(make("bytes", "qwen2", chat_template=template.replace("METHOD", method)))


def test_the_words_of_a_prompt_are_not_stripped():
    coder = encoder("bytes", "gemma2")
    parts = [Part("##Last: ", is_ours=True), Part(" So. ", is_ours=False), Part(" | ##Your_Revision: ", is_ours=True)]
    asked = "<bos><start_of_turn>user\n##Last:  So.  | ##Your_Revision: <end_of_turn>\n<start_of_turn>model\n"
    assert decoded(coder, coder.conversation([Turn("user", parts)])) == asked


def test_a_tokenizer_may_have_several_templates():
    several = {"default": FAMILIES["qwen2"].template, "words": FAMILIES["words"].template}
    tokenizer = make("bytes", "qwen2", chat_template=several)
    said = turns(("user", "Hello"))
    assert Encoder(tokenizer).conversation(said) == encoder("bytes", "qwen2").conversation(said)
    named = Encoder(tokenizer, chat_template="words")
    assert decoded(named, named.conversation(said)) == "### User:\nHello\n\n### Assistant:\n"
    with pytest.raises(ConfigurationError, match="multiple chat templates"):
        Encoder(make("bytes", "qwen2", chat_template={"words": several["words"]}))


def test_a_template_that_is_passed_stands_in_for_the_tokenizers_own():
    coder = Encoder(encoder("bytes", "qwen2").tokenizer, chat_template=FAMILIES["words"].template)
    assert decoded(coder, coder.conversation(turns(("user", "Hello")))) == "### User:\nHello\n\n### Assistant:\n"
    # What the tokenizer's own template controls with is no text even so.
    assert control_ids(coder).isdisjoint(coder.text("<|im_start|>"))


def test_a_tokenizer_that_spells_out_control_tokens_by_itself_still_has_them_in_frames():
    tokenizer = make("bytes", "qwen2", split_special_tokens=True)
    said = turns(("user", "Hello"))
    assert Encoder(tokenizer).conversation(said) == encoder("bytes", "qwen2").conversation(said)


def test_a_tokenizer_that_truncates_and_pads_does_neither_here():
    tokenizer = make("bytes", "qwen2", pad_token="<|endoftext|>")
    tokenizer.backend_tokenizer.enable_truncation(4)
    tokenizer.backend_tokenizer.enable_padding(length=64)
    assert Encoder(tokenizer).text("The cat sat on the mat") == encoder("bytes", "qwen2").text("The cat sat on the mat")


@pytest.mark.parametrize("kind", ["bytes", "prefix space", "unigram"])
def test_several_threads_may_share_an_encoder(kind):
    tokenizer = make(kind, "llama3")
    tokenizer.backend_tokenizer.enable_truncation(16)
    coder, texts = Encoder(tokenizer), [f"{number} <|eot_id|> cats <s>" for number in range(40)]
    expected = [coder.conversation(turns(("user", text))) for text in texts]
    found = []

    def work():
        found.append([coder.conversation(turns(("user", text))) for text in texts])

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 8


def test_two_surrogates_that_belong_together_are_a_character():
    coder = encoder("bytes")
    assert decoded(coder, coder.text("\ud83d\ude00 and \ud83d alone")) == "😀 and � alone"
