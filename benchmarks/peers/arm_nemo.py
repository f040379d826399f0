"""NeMo Guardrails: an output rail on the stream.

`rewrite`, `block`: the rail corrects the batch (which NeMo drops while it streams), or blocks it; batches of a
sentence's tokens, held back until they are judged; the texts come in by `generator=`, which is the least work.
`model`: as `rewrite`, the texts come from a model inside the rails, the usual way.
`default`: a rail that blocks and a model inside, with the sizes that NeMo comes with: 200 tokens, shown, then judged.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator
from contextvars import ContextVar
from typing import Any

from work import Result, Upstream, Work, ameasure, answer

COLANG = """
define subflow correct sentences
  $outcome = execute correct_sentences(text=$bot_message)
"""
CONFIG = """
models: []
passthrough: true
rails:
  output:
    flows: [correct sentences]
    streaming: {{{sizes}}}
"""
SENTENCE = "enabled: true, chunk_size: 20, context_size: 5, stream_first: false"
MESSAGES = [{"role": "user", "content": "Go on."}]

SPEAKER: ContextVar[Upstream] = ContextVar("SPEAKER")


class BlockedError(Exception):
    """The rail blocked the stream, which NeMo says by a piece of JSON in the text."""


class Model:
    """NeMo's protocol for a model: say what the stream's upstream says."""

    model_name, provider_name, provider_url = "scripted", "scripted", None

    async def generate_async(self, prompt: Any, *, stop: Any = None, **options: Any) -> Any:
        """Say it whole."""
        from nemoguardrails.types import LLMResponse

        return LLMResponse(content="".join([token async for token in SPEAKER.get().aspeak()]))

    async def stream_async(self, prompt: Any, *, stop: Any = None, **options: Any) -> AsyncIterator[Any]:
        """Say it token by token."""
        from nemoguardrails.types import LLMResponseChunk

        async for token in SPEAKER.get().aspeak():
            yield LLMResponseChunk(delta_content=token)


def arm(work: Work) -> Result:
    """Read the streams through a rail, with usage statistics off."""
    os.environ["NEMO_GUARDRAILS_NO_USAGE_STATS"] = os.environ["DO_NOT_TRACK"] = "1"
    return asyncio.run(arm_async(work))


async def arm_async(work: Work) -> Result:
    """Read all streams in one loop."""
    from nemoguardrails import LLMRails, RailsConfig
    from nemoguardrails.actions import action
    from nemoguardrails.actions.rail_outcome import RailOutcome, TransformTarget

    rewrites, has_model = work.variant in {"rewrite", "model"}, work.variant in {"model", "default"}

    @action(name="correct_sentences")
    async def correct_sentences(text: str = "", **_: Any) -> RailOutcome:
        corrected = await work.aalign(text)
        if corrected == text:
            return RailOutcome.allow()
        if rewrites:
            return RailOutcome.transform([(TransformTarget.BOT_MESSAGE, corrected)])
        return RailOutcome.block(reason="The marker.")

    sizes = "enabled: true" if work.variant == "default" else SENTENCE
    config = RailsConfig.from_content(COLANG, CONFIG.format(sizes=sizes))
    rails = LLMRails(config, llm=Model() if has_model else None)
    rails.register_action(correct_sentences)

    async def open_stream(upstream: Upstream) -> AsyncGenerator[str, None]:
        SPEAKER.set(upstream)
        options: dict[str, Any] = {} if has_model else {"generator": upstream.aspeak()}
        error = None
        async for text in rails.stream_async(messages=MESSAGES, **options):
            if text.startswith('{"error"'):
                error = text
            else:
                yield text
        if error:
            raise BlockedError(error)

    return await ameasure(work, open_stream)


if __name__ == "__main__":
    answer(arm, "nemoguardrails")
