"""What the benchmark of the aligner has corrected, and a model that corrects it as it is told.

The model runs every pass for real and then says what a table says. Each word stands in one sentence only, so the table
needs to see the tokens of the pass alone, not the cache: any way of decoding must come to the same text, whatever it
feeds, reuses or packs. What is in the cache is not looked at, so it is the tests that show that it is right.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import wraps
from itertools import pairwise
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import torch
import torch.nn.functional as F  # noqa: N812
from tokenizers import Tokenizer, decoders, pre_tokenizers
from tokenizers.models import WordLevel
from transformers import GemmaConfig, GemmaForCausalLM, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from stream_aligner_lc.prompts import TEMPLATES
from stream_aligner_lc.sums.tokenizer import CHAT_TEMPLATE, END, PAD

_UNKNOWN, _ASSISTANT, _OTHERS = "<|unknown|>", "<|assistant|>", ["<|system|>", "<|user|>"]
_KEEP, _REPLACE = "=", "~"
_VERDICTS = [_KEEP, _REPLACE, "#", "!"]
# Where the last word of the sentence stands before the token that opens the answer: `W | ##Your_Revision: <end> <a>`.
_BEFORE_ANSWER = 4
# Tokens of the pieces in which the engine reads a long prompt.
_PIECE = 512
# Above any logit of random weights, yet small enough that a comparison of logits still compares the model's own.
_SURE = 64.0
_QUESTION = [f"why{number}" for number in range(20)]
_KINDS = ("substitute", "insert", "delete", "number")


class Sentence(NamedTuple):
    """A sentence as drafted, and as it is to be."""

    draft: str
    correction: str


class Reply(NamedTuple):
    """A question and the sentences with which it is answered."""

    question: str
    sentences: Sequence[Sentence]


class Table(NamedTuple):
    """What is said after every token, and where an answer begins by the last word of its sentence."""

    follows: torch.Tensor
    firsts: torch.Tensor


def script(count: int, percent: int, num_edits: int = 1) -> list[Sentence]:
    """Return sentences of about 17 words, of which `percent` in a hundred, evenly spread, take so many edits."""
    return [_sentence(number, _kinds(number, percent, num_edits)) for number in range(count)]


def _kinds(number: int, percent: int, num_edits: int) -> list[str]:
    done, due = number * percent // 100, (number + 1) * percent // 100
    return [_KINDS[(done + place) % len(_KINDS)] for place in range(num_edits)] if due > done else []


def _sentence(number: int, kinds: Sequence[str]) -> Sentence:
    rng = random.Random(number)
    words = [f"word{number}.{place}" for place in range(rng.randint(14, 20))]
    figure = rng.randrange(len(words))
    words[figure] = f"{number}.{figure}"
    starts = [len(words) * place // max(len(kinds), 1) for place in range(len(kinds))]
    corrected = [] if kinds else words
    for kind, (start, end) in zip(kinds, pairwise([*starts, len(words)]), strict=True):
        new = [f"new{number}.{start}.{place}" for place in range(rng.randint(1, 2))]
        corrected += _edited(words[start:end], kind, new, rng.randrange(end - start - 1))
    return Sentence(" ".join(words), " ".join(corrected))


def _edited(words: list[str], kind: str, new: list[str], at: int) -> list[str]:
    if kind == "insert":
        return [*words[:at], *new, *words[at:]]
    if kind == "delete":
        return [*words[:at], *words[at + len(new) :]]
    if kind == "number":
        at = max((place for place, word in enumerate(words) if word[0].isdigit()), default=at)
    return [*words[:at], new[0], *words[at + 1 :]]


def replies(sentences: Sequence[Sentence], count: int, length: int) -> list[Reply]:
    """Return replies to questions that differ in their first word, so that no two prompts share more than a start."""
    return [
        Reply(
            " ".join([f"{number}?", *_QUESTION]),
            [sentences[(7 * number + place) % len(sentences)] for place in range(length)],
        )
        for number in range(count)
    ]


def make_tokenizer(sentences: Sequence[Sentence], num_replies: int) -> PreTrainedTokenizerFast:
    """Return a tokenizer in which every word is a token, with the space before it."""
    words = [word for template in TEMPLATES.values() for word in template.text.split() if "{" not in word]
    # "a" and "1" are what the aligner compares prompts by when it reads ahead.
    words += [*_VERDICTS, *_QUESTION, "a", "1", *(f"{number}?" for number in range(num_replies))]
    words += [word for sentence in sentences for text in sentence for word in text.split()]
    names = [PAD, _UNKNOWN, END, *_OTHERS, _ASSISTANT, *dict.fromkeys(f"▁{word}" for word in words)]
    tokenizer = Tokenizer(WordLevel({name: number for number, name in enumerate(names)}, unk_token=_UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(prepend_scheme="always", split=False)]
    )
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="always")
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=END,
        unk_token=_UNKNOWN,
        additional_special_tokens=[*_OTHERS, _ASSISTANT],
        clean_up_tokenization_spaces=False,
    )
    wrapped.chat_template = CHAT_TEMPLATE
    return wrapped


def table(sentences: Sequence[Sentence], tokenizer: Any, *, is_verdict: bool) -> Table:
    """Return what the model says when all sentences are corrected; a sentence is judged after its last word.

    In the verdict template that word may end the correction too, so there a verdict ends it as well as `END`.
    """
    end, keep, replace = tokenizer.convert_tokens_to_ids([END, f"▁{_KEEP}", f"▁{_REPLACE}"])
    follows, firsts = (torch.full((len(tokenizer),), end) for _ in range(2))
    for sentence in sentences:
        draft, corrected = (tokenizer(text, add_special_tokens=False)["input_ids"] for text in sentence)
        for one, other in pairwise(draft):
            follows[one] = other
        for one, other in pairwise(corrected):
            follows[one] = other
        follows[corrected[-1]] = end
        firsts[draft[-1]] = corrected[0]
        if is_verdict:
            follows[draft[-1]] = keep if draft == corrected else replace
    return Table(follows, firsts)


class _Told:
    """A causal language model that says what a table says."""

    num_passes = num_fed = 0

    def tell(self, told: Table) -> None:
        """Say this from now on."""
        model: Any = self
        self._told = Table(*(each.to(model.device) for each in told))
        self._tails: WeakKeyDictionary[Any, torch.Tensor] = WeakKeyDictionary()
        """The last tokens of a text, by its cache: a pass can end between a sentence and what opens the answer."""

    # Who calls it looks at the signature for what it takes.
    @wraps(LlamaForCausalLM.forward)
    def forward(self, input_ids: torch.Tensor, *, logits_to_keep: int | torch.Tensor = 0, **kwargs: Any) -> Any:
        """Run the pass, and have the table's tokens win; nothing waits for the device."""
        run: Any = super().forward  # type: ignore[misc]
        output = run(input_ids=input_ids, logits_to_keep=logits_to_keep, **kwargs)
        self.num_passes += 1
        self.num_fed += input_ids.shape[1]
        said = self._said(input_ids[0], kwargs["past_key_values"])
        said = said[-logits_to_keep:] if isinstance(logits_to_keep, int) else said[logits_to_keep]
        output.logits.scatter_(-1, said[None, :, None], _SURE)
        return output

    def _said(self, ids: torch.Tensor, cache: Any) -> torch.Tensor:
        model: Any = self
        fourth, last = self._before(ids, cache)
        said = self._told.follows[ids]
        # Asked for a verdict, the model opens a correction with `END`, right after the sentence.
        said = torch.where(ids == model.config.end, self._told.firsts[last], said)
        return torch.where(ids == model.config.assistant, self._told.firsts[fourth], said)

    def _before(self, ids: torch.Tensor, cache: Any) -> torch.Tensor:
        """Return the fourth token before each, and the last one."""
        is_alone = not hasattr(cache, "spans")
        parts = [(cache, slice(0, len(ids)))] if is_alone else zip(cache._states, cache.spans, strict=True)  # noqa: SLF001
        before = _shifted(F.pad(ids, (_BEFORE_ANSWER, 0)))
        for state, span in parts:
            if (tail := self._tails.pop(state, None)) is not None:
                before[:, span] = _shifted(torch.cat([tail, ids[span]]))
            # In a shared pass only a piece of a long prompt ends before its answer.
            if is_alone or span.stop - span.start >= _PIECE:
                self._tails[state] = F.pad(ids[span], (_BEFORE_ANSWER, 0))[-_BEFORE_ANSWER:]
        return before


def _shifted(seen: torch.Tensor) -> torch.Tensor:
    return torch.stack([seen[:-_BEFORE_ANSWER], seen[_BEFORE_ANSWER - 1 : -1]])


class ToldLlama(_Told, LlamaForCausalLM):
    """A Llama."""


class ToldGemma(_Told, GemmaForCausalLM):
    """A Gemma."""


def make_model(
    layout: str, tokenizer: Any, *, width: int | None, layers: int | None, vocab: int | None, device: str
) -> Any:
    """Return a model with random weights, made where it runs: a Llama of 27 M parameters or a Gemma of 2.5 B."""
    end, assistant, *verdicts = tokenizer.convert_tokens_to_ids([END, _ASSISTANT, *(f"▁{sign}" for sign in _VERDICTS)])
    common = {
        "max_position_embeddings": 4096, "tie_word_embeddings": True, "bos_token_id": None, "pad_token_id": 0,
        "eos_token_id": [end, *verdicts], "end": end, "assistant": assistant,
    }  # fmt: skip
    is_llama = layout == "llama"
    width = width or (512 if is_llama else 2048)
    vocab = vocab or (4096 if is_llama else 256_000)
    if vocab < len(tokenizer):
        raise SystemExit(f"--vocab {vocab} is too small: these sentences have {len(tokenizer)} words.")
    shape = {"vocab_size": vocab, "hidden_size": width, "num_hidden_layers": layers or (8 if is_llama else 18)}
    if is_llama:
        config: Any = LlamaConfig(
            **common, **shape, intermediate_size=width * 11 // 4, num_attention_heads=max(width // 64, 1)
        )
    else:
        config = GemmaConfig(
            **common, **shape, intermediate_size=8 * width, num_attention_heads=8, num_key_value_heads=1,
            head_dim=width // 8,
        )  # fmt: skip
    torch.manual_seed(0)
    with torch.device(device):
        made: Any = (ToldLlama if is_llama else ToldGemma)._from_config(  # noqa: SLF001  # the only way to a `dtype`
            config, dtype=torch.bfloat16 if device.startswith("cuda") else torch.float32
        )
    return made.eval()
