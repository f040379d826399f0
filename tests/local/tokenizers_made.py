"""Small tokenizers of every kind, learned from a page of text, and the chat templates of the known families on them."""

import json
from functools import cache

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from stream_aligner_lc.local.encoding import Encoder
from tests.local.chat_templates import FAMILIES

TEXT = """\
system user assistant You are a helpful assistant. Hello! How are you? I am fine, thank you. The answer is 42.
##Question: What is it? | ##Answer_Prefix: It is this. | ##Answer_Last_Sentence: So it is. | ##Your_Revision: It is.
The cat sat on the mat, and the dog did not. Numbers such as 3, 14, 159 and 2,653 are here. [INST] and [/INST] too.
Füße, déjà vu, naïve café. 你好，世界。 こんにちは。 Привет, мир! 😀 😁 🎉 one two three four five six seven eight
"""
_BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
_LLAMA_DECODER = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]

# Decoded, what they encode is the same text; a "▁" aside, where that is how they write a space.
LOSSLESS = ("bytes", "digits", "no prefix space", "prefix space")
# Those put a space before a text, and some after every control token as well.
SPACED = ("prefix space", "prefix spaces", "legacy", "unigram", "spaced bytes")
KINDS = (*LOSSLESS, *SPACED[1:], "words")


def _trained(model, pre_tokenizer, decoder, trainer_class, **options):
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizer, decoder
    trainer = trainer_class(vocab_size=options.pop("vocab_size", 420), show_progress=False, **options)
    tokenizer.train_from_iterator(TEXT.splitlines(), trainer)
    return tokenizer


def _byte_level(pre_tokenizer):
    return _trained(
        models.BPE(), pre_tokenizer, decoders.ByteLevel(), trainers.BpeTrainer,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip


def _with_byte_fallback(pre_tokenizer, decoder, normalizer=None):
    """As SentencePiece's BPE is converted: merges of characters, and bytes for those that are unknown."""
    words = pre_tokenizers.Metaspace(prepend_scheme="never")
    learned = json.loads(_trained(models.BPE(), words, None, trainers.BpeTrainer, vocab_size=200).to_str())["model"]
    # Emoji and CJK are too rare for a vocabulary of their own.
    known = [token for token in learned["vocab"] if all(ord(char) < 0x250 or char == "▁" for char in token)]
    merges = [tuple(merge) for merge in learned["merges"] if {*merge, "".join(merge)} <= {*known}]
    vocabulary = {token: number for number, token in enumerate(["<unk>", *_BYTES, *known])}
    model = models.BPE(vocabulary, merges, unk_token="<unk>", byte_fallback=True, fuse_unk=True)
    tokenizer = Tokenizer(model)
    tokenizer.decoder = decoder
    if pre_tokenizer is not None:
        tokenizer.pre_tokenizer = pre_tokenizer
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    return tokenizer


def _llama(prepend_scheme):
    metaspace = pre_tokenizers.Metaspace(prepend_scheme=prepend_scheme, split=False)
    return _with_byte_fallback(metaspace, decoders.Sequence([*_LLAMA_DECODER, decoders.Strip(" ", 1, 0)]))


def _gemma():
    words = pre_tokenizers.Split(" ", "merged_with_previous")
    return _with_byte_fallback(words, decoders.Sequence(_LLAMA_DECODER), normalizers.Replace(" ", "▁"))


def _legacy():
    spaces = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    return _with_byte_fallback(None, decoders.Sequence([*_LLAMA_DECODER, decoders.Strip(" ", 1, 0)]), spaces)


def _unigram():
    known = json.loads(_legacy().to_str())["model"]["vocab"]
    scored = [(token, -1.0 - 4 / len(token) if not token.startswith("<0x") else 0.0) for token in known]
    tokenizer = Tokenizer(models.Unigram(scored, unk_id=0, byte_fallback=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always", split=False)
    tokenizer.decoder = decoders.Sequence([*_LLAMA_DECODER, decoders.Strip(" ", 1, 0)])
    return tokenizer


def _words():
    tokenizer = _trained(
        models.WordPiece(unk_token="[UNK]"), pre_tokenizers.BertPreTokenizer(), decoders.WordPiece(),
        trainers.WordPieceTrainer, special_tokens=["[UNK]"],
    )  # fmt: skip
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    return tokenizer


@cache
def _base(kind):
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False)
    digits = [pre_tokenizers.Split(Regex(r"\d"), "isolated"), byte_level]
    makers = {
        "bytes": lambda: _byte_level(byte_level),
        "digits": lambda: _byte_level(pre_tokenizers.Sequence(digits)),
        "spaced bytes": lambda: _byte_level(pre_tokenizers.ByteLevel(add_prefix_space=True)),
        "no prefix space": _gemma,
        "prefix space": lambda: _llama("first"),
        "prefix spaces": lambda: _llama("always"),
        "legacy": _legacy,
        "unigram": _unigram,
        "words": _words,
    }
    return makers[kind]().to_str()


def make(kind, family=None, *, tokens=(), **options):
    """Make a tokenizer of a kind, with the chat template and the control tokens of a family and more `tokens`."""
    backend = Tokenizer.from_str(_base(kind))
    if family is not None:
        known = FAMILIES[family]
        options = {"chat_template": known.template, "bos_token": known.bos, "eos_token": known.eos, **options}
        tokens = [*known.special, *(AddedToken(name, normalized=False) for name in known.added), *tokens]
    special = [token for token in tokens if isinstance(token, str)]
    named = {name: token for name, token in options.items() if name.endswith("_token") and token}
    backend.add_special_tokens([*special, *named.values()])
    backend.add_tokens([token for token in tokens if not isinstance(token, str)])
    return PreTrainedTokenizerFast(tokenizer_object=backend, **{k: v for k, v in options.items() if v is not None})


def surround(tokenizer, before=(), after=()):
    """Have the tokenizer put tokens of its own around every text."""
    names = [*before, *after]
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single=[*before, "$A", *after],
        special_tokens=[(name, tokenizer.convert_tokens_to_ids(name)) for name in names],
    )
    return tokenizer


@cache
def encoder(kind, family=None):
    """Return the encoder of a tokenizer; the same one every time."""
    return Encoder(make(kind, family))
