"""The tokenizer of the bundled pair: bytes with merges learned from the task, and every digit a token of its own."""

from __future__ import annotations

import random
from collections.abc import Iterator

from tokenizers import Regex, Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel, Sequence, Split
from tokenizers.trainers import BpeTrainer
from transformers import PreTrainedTokenizerFast

from stream_aligner_lc.civility import ordinary, rude
from stream_aligner_lc.prompts import TEMPLATES
from stream_aligner_lc.sums.problems import draw

PAD, END = "<|pad|>", "<|end|>"
CHAT_TEMPLATE = (
    "{% for message in messages %}<|{{ message.role }}|>{{ message.content }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
_ROLES = ("system", "user", "assistant")
_VOCABULARY = 640
# A digit, or a word with its marks, each with the space before it: a template's field is one token.
_PIECE = r" ?\d| ?\p{L}+| ?[^\s\d\p{L}]+|\s+"


def make_tokenizer() -> PreTrainedTokenizerFast:
    """Learn the merges, the same ones every time."""
    lines = [*_lines(), *[TEMPLATES["stream-aligner"].text.format(question="", prefix="", last="")] * 500]
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = Sequence(
        [Split(Regex(_PIECE), "isolated"), ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = ByteLevelDecoder()
    trainer = BpeTrainer(
        vocab_size=_VOCABULARY,
        special_tokens=[PAD, END, *(f"<|{role}|>" for role in _ROLES)],
        initial_alphabet=ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(lines, trainer)
    wrapped: PreTrainedTokenizerFast = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=END,
        additional_special_tokens=[f"<|{role}|>" for role in _ROLES],
        clean_up_tokenization_spaces=False,
        model_max_length=1024,
    )
    wrapped.chat_template = CHAT_TEMPLATE
    return wrapped


def pieces_of(tokenizer: PreTrainedTokenizerFast) -> list[str]:
    """Return what the tokens of a vocabulary say, each by itself; half a letter is U+FFFD."""
    special = set(tokenizer.all_special_ids)
    return [str(tokenizer.decode([token])) for token in range(len(tokenizer)) if token not in special]


def _lines() -> Iterator[str]:
    rng = random.Random("tokenizer")  # noqa: S311  # sums, no secrets
    for _ in range(4000):
        problem, sentence = draw(rng), rude.draw(rng)
        yield f"{problem.question} {' '.join(problem.solution)} User: Assistant:"
        yield f"{sentence.text} {sentence.civil}"
        yield f" {ordinary.draw(rng)}"
