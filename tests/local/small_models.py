"""Models that are made in an instant: tiny ones of every architecture with random weights, and one that says what it is
told, through real passes over a real cache."""

import threading
import time
from collections.abc import Callable
from copy import deepcopy
from functools import cache

import torch
import transformers as hf
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from stream_aligner_lc.local.encoding import Encoder
from stream_aligner_lc.sums.tokenizer import CHAT_TEMPLATE, END, make_tokenizer

# For tensors of this size a second thread only waits.
torch.set_num_threads(1)
ASSISTANT, BROKEN = "<|assistant|>", "\N{REPLACEMENT CHARACTER}"
_COMMON = {
    "vocab_size": 96, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 4, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 2048, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0,
    "tie_word_embeddings": False,
}  # fmt: skip
_HEADED = {**_COMMON, "head_dim": 8}
_LINEAR = {
    "linear_num_key_heads": 2, "linear_num_value_heads": 4, "linear_key_head_dim": 8, "linear_value_head_dim": 8,
}  # fmt: skip
_MAMBA = {"mamba_n_heads": 4, "mamba_d_head": 16, "mamba_d_state": 8, "mamba_chunk_size": 16}
_SLIDING = {"sliding_window": 8, "layer_types": ["sliding_attention", "full_attention"] * 2}
_SMALL = {"vocab_size": 96, "hidden_size": 32, "num_hidden_layers": 3}
_LONGROPE = {
    "rope_type": "longrope", "rope_theta": 10000.0, "short_factor": [1.0] * 4, "long_factor": [4.0] * 4,
    "original_max_position_embeddings": 64,
}  # fmt: skip

# What it takes to make each; a window of 8 tokens is shorter than any text here.
CROPPABLE = {
    "llama": lambda: LlamaConfig(**_HEADED),
    "qwen2": lambda: hf.Qwen2Config(**_COMMON),
    "qwen3": lambda: hf.Qwen3Config(**_HEADED),
    "gemma2": lambda: hf.Gemma2Config(**_HEADED, sliding_window=8, query_pre_attn_scalar=8),
    "gemma3": lambda: hf.Gemma3TextConfig(**_HEADED, **_SLIDING, query_pre_attn_scalar=8),
    "gemma3n": lambda: hf.Gemma3nTextConfig(
        **_HEADED, **_SLIDING, num_kv_shared_layers=2, vocab_size_per_layer_input=96, hidden_size_per_layer_input=8,
        laurel_rank=4, altup_num_inputs=2, activation_sparsity_pattern=None,
    ),
    "mistral": lambda: hf.MistralConfig(**_HEADED, sliding_window=8),
    "gpt2": lambda: hf.GPT2Config(vocab_size=96, n_embd=32, n_layer=3, n_head=4, n_positions=2048),
    "opt": lambda: hf.OPTConfig(**_SMALL, ffn_dim=48, num_attention_heads=4, word_embed_proj_dim=32),
    "bloom": lambda: hf.BloomConfig(vocab_size=96, hidden_size=32, n_layer=3, n_head=4),
}  # fmt: skip
RECURRENT = {
    "qwen3_5": lambda: hf.Qwen3_5TextConfig(**_HEADED, **_LINEAR),
    "bamba": lambda: hf.BambaConfig(**_COMMON, **_MAMBA, attn_layer_indices=[1, 3]),
    "lfm2": lambda: hf.Lfm2Config(**_COMMON, layer_types=["conv", "full_attention"] * 2),
    "mamba": lambda: hf.MambaConfig(**_SMALL, state_size=8),
    "mamba2": lambda: hf.Mamba2Config(
        **_SMALL, state_size=8, num_heads=4, head_dim=16, expand=2, n_groups=2, chunk_size=16
    ),
    "rwkv": lambda: hf.RwkvConfig(**_SMALL, context_length=2048),
    "recurrent_gemma": lambda: hf.RecurrentGemmaConfig(
        **{key: value for key, value in _HEADED.items() if key != "max_position_embeddings"},
        attention_window_size=8, lru_width=32,
    ),
}  # fmt: skip
LONGROPE = {"phi3": lambda: hf.Phi3Config(**_COMMON, rope_parameters=_LONGROPE, original_max_position_embeddings=64)}
# MoE and state-space layers are not made for float64.
_FLOAT32 = ("qwen3_5", "bamba", "lfm2", "mamba2")
EVERY = {**CROPPABLE, **RECURRENT, **LONGROPE}


def random_model(kind="llama", *, seed=0, dtype=torch.float64):
    """Make a model with random weights, large enough that its texts do not settle on one token."""
    model = deepcopy(_random_model(kind, seed)).to(dtype)
    model.generation_config.eos_token_id = None
    return model


def model_of(kind="llama"):
    """Make it so exact that nothing but a mistake could change its greedy texts."""
    return random_model(kind, dtype=torch.float32 if kind in _FLOAT32 else torch.float64)


@cache
def _random_model(kind, seed):
    config = EVERY[kind]()
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(config).eval()
    for parameter in model.parameters():
        if parameter.dim() == 2:
            torch.nn.init.normal_(parameter, std=0.25)
    return model


@torch.inference_mode()
def generated(model, ids, count, **options):
    """Return what transformers' own `generate` writes after `ids`."""
    options = {"do_sample": False, "pad_token_id": 0, **options}
    prompt = torch.tensor([list(ids)])
    out = model.generate(prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=count, **options)
    return out[0, len(ids) :].tolist()


def drafts_of(right):
    """Return guesses at a text, all but one of them wrong somewhere."""
    wrong = [(token + 1) % 96 for token in right]
    return {
        "right": right,
        "wrong": wrong,
        "half": right[:3] + wrong[3:] + right,
        "one exchanged": [*right[:3], wrong[3], *right[4:]],
        "one left out": right[:2] + right[3:],
        "one more": [*right[:4], 5, *right[4:]],
        "too long": right + wrong,
    }


@cache
def _tokenizer():
    return make_tokenizer()


def tokenizer(*, chat_template=CHAT_TEMPLATE, max_length=1024):
    """Return the tokenizer of the bundled pair, a new one for each caller."""
    made = deepcopy(_tokenizer())
    made.chat_template, made.model_max_length = chat_template, max_length
    return made


def small_llama(vocab_size=640, **options):
    """Make a small random Llama for that tokenizer."""
    torch.manual_seed(0)
    config = {
        "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2,
        "max_position_embeddings": 1024, "bos_token_id": None, "eos_token_id": 1, "pad_token_id": 0,
    }  # fmt: skip
    return LlamaForCausalLM(LlamaConfig(vocab_size=vocab_size, **{**config, **options})).eval()


def save(folder, model=None):
    """Save a model and its tokenizer, and return the folder as a string."""
    (model or small_llama()).save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return str(folder)


class SpeakingModel(LlamaForCausalLM):
    """Say what a function says: `speak(prompt, said)` returns what is still to be said, "" to end.

    The values in its cache are the one-hot vectors of the tokens: it answers to what is in there, no matter what it
    was given in this pass.
    """

    def __init__(self, speak: Callable[[str, str], str], *, max_tokens=4096) -> None:
        self.tokenizer = tokenizer(max_length=max_tokens)
        width = len(self.tokenizer) + len(self.tokenizer) % 2
        super().__init__(
            LlamaConfig(
                vocab_size=width, hidden_size=width, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1,
                max_position_embeddings=max_tokens, bos_token_id=None, eos_token_id=self.tokenizer.eos_token_id,
                pad_token_id=0,
            )
        )  # fmt: skip
        self.speak = speak
        self._encoder = Encoder(self.tokenizer)
        self._start, self._end = self.tokenizer.convert_tokens_to_ids([ASSISTANT, END])
        with torch.no_grad():
            self.model.embed_tokens.weight.copy_(torch.eye(width))
            self.model.layers[0].self_attn.v_proj.weight.copy_(torch.eye(width))
        self.eval()

    def forward(self, *args, past_key_values=None, **kwargs):
        output = super().forward(*args, past_key_values=past_key_values, **kwargs)
        ids = past_key_values.layers[0].values[0, 0].argmax(-1).tolist()
        output.logits.zero_()
        num_rows = output.logits.shape[1]
        for row in range(num_rows):
            output.logits[:, row, self._next(ids[: len(ids) - num_rows + 1 + row])] = 10.0
        return output

    def _next(self, ids):
        if self._start not in ids:
            return self._end
        at = len(ids) - ids[::-1].index(self._start)
        prompt, said = self._text(ids[:at]), self._text(ids[at:])
        # Of a character that is not whole, as many tokens are out.
        whole = said.rstrip(BROKEN)
        half = next(count for count in range(4) if self._text(ids[at : len(ids) - count]) == whole)
        rest = self._encoder.text(self.speak(prompt, whole))
        return rest[half] if rest else self._end

    def _text(self, ids):
        return self.tokenizer.decode(ids, clean_up_tokenization_spaces=False)


def saying(text, otherwise=""):
    """Return a `speak` that says `text` from where it is; after what `text` does not begin with, `otherwise`."""

    def speak(prompt, said):
        return text[len(said) :] if text.startswith(said) else otherwise

    return speak


class Watch:
    """See every pass of a model: how many tokens it reads, and whether two run at once. `delay` makes each slower."""

    def __init__(self, model, *, delay=0.0) -> None:
        self.fed: list[int] = []
        self.most_at_once = 0
        self.delay = delay
        self._running = 0
        self._lock = threading.Lock()
        model.register_forward_pre_hook(self._before, with_kwargs=True)
        # A pass that fails is over, too.
        model.register_forward_hook(self._after, always_call=True)

    @property
    def count(self):
        return len(self.fed)

    def _before(self, model, args, kwargs):
        with self._lock:
            self.fed.append(kwargs["input_ids"].shape[1])
            self._running += 1
            self.most_at_once = max(self.most_at_once, self._running)
        time.sleep(self.delay)

    def _after(self, model, args, output):
        with self._lock:
            self._running -= 1
