"""This library in process: `StreamAlignedChat` around the scripted model; `bare` is that model alone."""

import asyncio
from collections.abc import AsyncGenerator

from work import Result, Upstream, Work, ameasure, answer

from stream_aligner_lc import StreamAlignedChat
from stream_aligner_lc.testing import ReplaceAligner, ScriptedChatModel


def arm(work: Work) -> Result:
    """Read the streams through the loop."""
    texts = ["".join(tokens) for tokens in (work.replies[0][: work.warm_up], *work.replies)]
    models = {text: ScriptedChatModel(text, delay=work.token_seconds) for text in texts}
    aligner = ReplaceAligner({work.marker: work.correction}, delay=work.aligner_seconds)
    chats = {text: StreamAlignedChat(model, aligner) for text, model in models.items()}

    async def open_stream(upstream: Upstream) -> AsyncGenerator[str, None]:
        text = "".join(upstream.tokens)
        chat = (models if work.variant == "bare" else chats)[text]
        async for chunk in chat.astream("Go on."):
            yield chunk.text
        upstream.calls = len(models[text].calls)
        upstream.said = sum(len(call.sent) for call in models[text].calls)

    return asyncio.run(ameasure(work, open_stream))


if __name__ == "__main__":
    answer(arm, "stream-aligner-lc", "langchain-core", "langgraph")
