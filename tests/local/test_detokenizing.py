"""From tokens to text while they arrive: nothing but whole characters, and nothing after a stop sequence."""

import itertools

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stream_aligner_lc.local.detokenizing import Detokenizer, StopFilter
from tests.local.tokenizers_made import KINDS, encoder

some = settings(max_examples=40)
every_kind = pytest.mark.parametrize("kind", KINDS)
BYTE_LEVEL = ("bytes", "digits", "spaced bytes")

SCRAPS = [
    *(
        "The cat",
        " sat",
        " ",
        "  ",
        "\n",
        "\n\n",
        ".",
        "Question",
        "42",
        "a\u0308",
        "n\u0303",
        "👩‍👩‍👧",
        "🇫🇷",
        "😀",
        "🎉",
    ),
    *("你好", "世界。", "こんにちは", "Привет", "\ufffd", "é", "नमस्ते", "ß", "\u200d", "\0"),
]
written = st.lists(st.sampled_from(SCRAPS), max_size=12).map("".join)
prompts = st.sampled_from(["", "The", "The cat ", "So it is.", "\n", "😀😁🎉", "你好", "  "])


def decode(kind, ids):
    return encoder(kind, "gemma2").tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)


def pieces(kind, ids, prompt=()):
    detokenizer = Detokenizer(encoder(kind, "gemma2").tokenizer, prompt)
    return [*map(detokenizer.feed, ids), detokenizer.flush()]


def whole(kind, ids, prompt=()):
    return decode(kind, [*prompt, *ids])[len(decode(kind, prompt)) :]


@every_kind
@some
@given(prompt=prompts, text=written)
@example(prompt="The cat", text=" sat")
@example(prompt="😀", text="😀😀😀😀 😀")
def test_pieces_joined_are_what_decoding_all_at_once_gives(kind, prompt, text):
    coder = encoder(kind, "gemma2")
    before = coder.text(prompt)
    ids = coder.text(text, goes_on=bool(before))
    assert "".join(pieces(kind, ids, before)) == whole(kind, ids, before)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "words"])
@some
@given(prompt=prompts.filter(str.strip), text=written)
def test_what_goes_on_from_a_prompt_is_the_text_itself(kind, prompt, text):
    coder = encoder(kind, "gemma2")
    ids = coder.text(text, goes_on=True)
    assert "".join(pieces(kind, ids, coder.text(prompt))) == text


@every_kind
@some
@given(text=written.map(lambda text: text.replace("\ufffd", "")))
def test_no_piece_holds_half_a_character(kind, text):
    ids = encoder(kind, "gemma2").text(text)
    assert not any("\ufffd" in piece for piece in pieces(kind, ids))


@pytest.mark.parametrize("kind", BYTE_LEVEL)
@some
@given(data=st.data())
def test_any_tokens_at_all_come_out_as_decoded_at_once(kind, data):
    size = len(encoder(kind, "gemma2").tokenizer)
    some_ids = st.lists(st.integers(0, size - 1), max_size=60)
    prompt, ids = data.draw(some_ids), data.draw(some_ids)
    # Where the prompt breaks off inside a character, nobody can say whose it is.
    if not decode(kind, prompt).endswith("\ufffd"):
        assert "".join(pieces(kind, ids, prompt)) == whole(kind, ids, prompt)


@pytest.mark.parametrize("kind", ["prefix space", "no prefix space", "legacy", "unigram"])
@some
@given(scraps=st.lists(st.sampled_from(["The", " cat", "😀", "你", "<FF>", "<E4>", "<E4BD>", "<80>"]), max_size=12))
def test_a_broken_byte_breaks_no_character_that_is_out(kind, scraps):
    coder, ids = encoder(kind, "gemma2"), []
    for scrap in scraps:
        broken = [f"<0x{byte:02X}>" for byte in bytes.fromhex(scrap.strip("<>"))] if scrap.startswith("<") else []
        ids += coder.tokenizer.convert_tokens_to_ids(broken) or coder.text(scrap, goes_on=True)
    said = "".join(pieces(kind, ids, coder.text("So")))
    for scrap in ("The", " cat"):
        assert said.count(scrap) == scraps.count(scrap)
    if not any(scrap.startswith("<") for scrap in scraps):
        assert said == "".join(scraps)


def test_a_character_that_is_out_stays_whole_beside_a_broken_byte():
    coder = encoder("prefix space")
    ids = [
        *coder.text("😀", goes_on=True),
        coder.tokenizer.convert_tokens_to_ids("<0xFF>"),
        *coder.text("a", goes_on=True),
    ]
    detokenizer = Detokenizer(coder.tokenizer, coder.text("So"))
    assert [*map(detokenizer.feed, ids)] == ["", "", "", "😀", "", "\ufffda"]


def test_a_character_comes_with_its_last_byte():
    coder = encoder("bytes")
    detokenizer = Detokenizer(coder.tokenizer)
    ids = coder.tokenizer.convert_tokens_to_ids(list("ðŁĺĢ"))
    assert [detokenizer.feed(token) for token in ids] == ["", "", "", "😀"]
    assert detokenizer.flush() == ""


def test_what_never_became_whole_comes_at_the_end_and_once():
    coder = encoder("bytes")
    detokenizer = Detokenizer(coder.tokenizer)
    assert [detokenizer.feed(token) for token in coder.tokenizer.convert_tokens_to_ids(["a", "ð", "Ł"])] == [
        "a",
        "",
        "",
    ]
    assert detokenizer.flush() == "\ufffd"
    assert detokenizer.flush() == ""


@pytest.mark.parametrize("kind", ["prefix space", "prefix spaces", "legacy", "unigram"])
def test_control_tokens_say_nothing_and_cost_no_space(kind):
    coder = encoder(kind, "gemma2")
    control = coder.ours("<end_of_turn>") * 40
    ids = [*coder.text("The"), *control, *coder.text(" cat", goes_on=True)]
    assert "".join(pieces(kind, ids)) == "The cat"


class Bytes:
    """A tokenizer whose tokens are bytes; it counts what it is asked to decode."""

    num_decoded = 0

    def decode(self, ids, **options):
        self.num_decoded += len(ids)
        return bytes(ids).decode("utf-8", "replace")


@pytest.mark.parametrize(
    "text",
    ["word " * 4000, "😀" * 5000, b"\xff" * 20_000, b"\xe4\xbd" * 10_000, b"\x80" * 20_000, "\ufffd" * 6667],
    ids=["words", "emoji", "no character", "halves", "ends of characters", "replacement characters"],
)
def test_twenty_thousand_tokens_take_linear_time(text):
    ids = list(text if isinstance(text, bytes) else text.encode())
    tokenizer = Bytes()
    detokenizer = Detokenizer(tokenizer)
    said = "".join([*map(detokenizer.feed, ids), detokenizer.flush()])
    assert said == bytes(ids).decode("utf-8", "replace")
    assert tokenizer.num_decoded < 100 * len(ids)


@some
@given(
    ids=st.lists(st.sampled_from(b"a \xff\x80\xe4\xbd\xa0\xf0\x9f\x98"), max_size=80),
    prompt=st.sampled_from(["", "a", "你"]),
)
def test_any_bytes_come_out_as_decoded_at_once(ids, prompt):
    detokenizer = Detokenizer(Bytes(), list(prompt.encode()))
    said = "".join([*map(detokenizer.feed, ids), detokenizer.flush()])
    assert said == (prompt.encode() + bytes(ids)).decode("utf-8", "replace")[len(prompt) :]


def up_to_a_stop(text, stops):
    """Read letter by letter: the first stop sequence that is complete ends the text before it."""
    for end in range(len(text) + 1):
        starts = [end - len(stop) for stop in stops if stop and text[:end].endswith(stop)]
        if starts:
            return text[: min(starts)], True
    return text, False


def filtered(chunks, stops):
    until = StopFilter(stops)
    return "".join([*map(until.feed, chunks), until.flush()]), until.is_over


letters = st.text("abc\n", max_size=16)
stops_ = st.lists(st.text("abc\n", max_size=5), max_size=4)


@settings(max_examples=200)
@given(text=letters, stops=stops_, cuts=st.lists(st.integers(0, 16), max_size=6))
@example(text="abc", stops=["abc", "b"], cuts=[])
@example(text="abc", stops=["abc", "b"], cuts=[1, 2])
def test_text_comes_up_to_the_first_stop_sequence_for_every_chunking(text, stops, cuts):
    places = sorted({0, len(text), *(cut for cut in cuts if cut <= len(text))})
    chunks = [text[start:end] for start, end in itertools.pairwise(places)]
    assert filtered(chunks, stops) == up_to_a_stop(text, stops)


@settings(max_examples=100)
@given(text=letters, stops=stops_)
def test_nothing_is_let_out_that_a_stop_sequence_could_take_back(text, stops):
    until, out = StopFilter(stops), ""
    for number, letter in enumerate(text, start=1):
        out += until.feed(letter)
        assert not until.is_over or out == up_to_a_stop(text[:number], stops)[0]
        # All that is held back is the start of a stop sequence.
        assert until.is_over or any(
            stop.startswith(text[len(out) : number]) for stop in [*stops, ""] if stop or out == text[:number]
        )


@pytest.mark.parametrize(
    ("text", "stops", "expected"),
    [
        ("one two", ["one"], ""),
        ("one two", ["two"], "one "),
        ("one two", ["w", "two"], "one t"),
        ("one two", ["o", "one"], ""),
        ("one two", ["ne tw", "e t"], "on"),
        ("a\n\nb", ["\n\n", "\n"], "a"),
        ("aaab", ["aab"], "a"),
        ("one", [], "one"),
        ("one", [""], "one"),
        ("one", ["one two"], "one"),
    ],
)
def test_stop_sequences_may_overlap(text, stops, expected):
    for chunks in ([text], list(text)):
        assert filtered(chunks, stops)[0] == expected


def test_after_a_stop_sequence_nothing_comes():
    until = StopFilter(["."])
    assert [until.feed("One. Two"), until.is_over, until.feed(" Three."), until.flush()] == ["One", True, "", ""]
