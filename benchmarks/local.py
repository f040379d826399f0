"""The local upstream beside `generate`, and what it saves at a restart: `python benchmarks/local.py`.

A Llama of random weights, so the words mean nothing; ratios inside one run count. Prints one Markdown table.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import torch
from langchain_core.messages import AIMessage, HumanMessage
from tqdm import tqdm
from transformers import LlamaConfig, LlamaForCausalLM

from stream_aligner_lc import ChatTransformers
from stream_aligner_lc.sums.problems import problems
from stream_aligner_lc.sums.tokenizer import make_tokenizer

NUM_TOKENS = 128
QUESTION = " ".join(problem.question for problem in problems(24, seed=0))
PREFIX = " ".join(sentence for problem in problems(12, seed=1) for sentence in problem.solution)


def make_model(width: int, layers: int) -> tuple[Any, Any]:
    """Return a Llama with random weights, which never ends a reply, and its tokenizer."""
    tokenizer = make_tokenizer()
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=3 * width,
        num_hidden_layers=layers,
        num_attention_heads=width // 64,
        max_position_embeddings=4096,
        eos_token_id=None,
        pad_token_id=tokenizer.pad_token_id,
    )
    torch.manual_seed(0)
    return LlamaForCausalLM(config).eval(), tokenizer


def seconds(work: Callable[[], object], rounds: int) -> float:
    """Return the median time of some rounds, after one that warms up."""
    times = []
    for _ in range(rounds + 1):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return median(times[1:])


async def read(llm: ChatTransformers, messages: list[Any]) -> None:
    """Read a whole stream in async code."""
    async for _ in llm.astream(messages):
        pass


def first_token(llm: ChatTransformers, messages: list[Any]) -> None:
    """Read one token and walk away."""
    stream = llm.stream(messages)
    next(stream)
    stream.close()


def forgetting(llm: ChatTransformers) -> ChatTransformers:
    """Have nothing kept of what was read."""
    llm._local.load().decoder.memory.kept_bytes = 0  # noqa: SLF001  # the comparison needs it off
    return llm


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--layers", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    model, tokenizer = make_model(options.width, options.layers)
    model = model.to(options.device)
    llm = ChatTransformers.from_model(model, tokenizer, temperature=0, max_tokens=NUM_TOKENS)
    forgetful = forgetting(ChatTransformers.from_model(model, tokenizer, temperature=0, max_tokens=NUM_TOKENS))
    asked = [HumanMessage(QUESTION)]
    resumed = [*asked, AIMessage(PREFIX)]
    ids = tokenizer.apply_chat_template([{"role": "user", "content": QUESTION}], add_generation_prompt=True)[
        "input_ids"
    ]
    inputs = torch.tensor([ids], device=options.device)
    works: dict[str, Callable[[], object]] = {
        "generate": lambda: model.generate(
            inputs, attention_mask=torch.ones_like(inputs), max_new_tokens=NUM_TOKENS, do_sample=False
        ),
        "stream, prompt read anew": lambda: list(forgetful.stream(asked)),
        "stream": lambda: list(llm.stream(asked)),
        "astream": lambda: asyncio.run(read(llm, asked)),
        "restart, prompt read anew: first token": lambda: first_token(forgetful, resumed),
        "restart: first token": lambda: first_token(llm, resumed),
    }
    times = {name: seconds(work, options.rounds) for name, work in tqdm(works.items(), leave=False)}
    num_prefix = llm.get_num_tokens(PREFIX)
    print(
        f"{model.num_parameters() / 1e6:.0f} M parameters, {options.device}, {options.threads} thread(s), prompt of "
        f"{len(ids)} tokens, prefix of {num_prefix}, replies of {NUM_TOKENS}; median of {options.rounds}.\n"
    )
    print("| | seconds | ratio |\n|---|--:|--:|")
    for name, taken in times.items():
        base = times["restart, prompt read anew: first token" if name.startswith("restart") else "generate"]
        print(f"| {name} | {taken:.3f} | {taken / base:.2f} |")


if __name__ == "__main__":
    main()
