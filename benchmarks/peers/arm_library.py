"""This library in process: `StreamAlignedChat` around the scripted model; `bare` is that model alone."""

import asyncio
from collections.abc import AsyncIterator

from work import Result, Upstream, Work, ameasure, answer

from stream_aligner_lc import StreamAlignedChat
from stream_aligner_lc.testing import ReplaceAligner, ScriptedChatModel


def arm(work: Work) -> Result:
    """Read the streams through the loop."""
    return asyncio.run(ameasure(work, open_stream))


async def open_stream(upstream: Upstream, work: Work) -> AsyncIterator[str]:
    """Open one stream of a chat model that says what the upstream would."""
    model = ScriptedChatModel("".join(upstream.tokens), delay=work.token_seconds)
    aligner = ReplaceAligner({work.marker: work.correction}, delay=work.aligner_seconds)
    chat = model if work.variant == "bare" else StreamAlignedChat(model, aligner)
    async for chunk in chat.astream("Go on."):
        yield chunk.text
    upstream.calls, upstream.said = len(model.calls), sum(len(call.sent) for call in model.calls)


if __name__ == "__main__":
    answer(arm, "stream-aligner-lc", "langchain-core", "langgraph")
