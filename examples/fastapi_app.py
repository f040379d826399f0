"""A streaming endpoint of your own, on FastAPI: `python examples/fastapi_app.py`.

Then:  curl -N 127.0.0.1:8000/chat --json '{"question": "Start with 43. Add 2. Take away 17. What is the result?"}'
Needs `pip install "stream-aligner-lc[local,serve]"`. PORT in the environment is where it listens.
"""

import json
import logging
import os
from collections.abc import AsyncIterator
from contextlib import aclosing

import uvicorn
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from langchain_core.language_models import BaseChatModel
from pydantic import BaseModel, Field

from stream_aligner_lc import StreamAlignedChat
from stream_aligner_lc.sums import pair


class Asked(BaseModel):
    """The body of a request."""

    question: str = Field(max_length=10_000)


async def events(llm: BaseChatModel, question: str) -> AsyncIterator[str]:
    """Yield a server-sent event for each sentence, and a last one that says how the reply ended."""
    name, reason = "end", None
    try:
        # A client that leaves cancels this, and closing the reply closes its upstream.
        async with aclosing(llm.astream(question)) as chunks:
            async for chunk in chunks:
                reason = chunk.response_metadata.get("finish_reason", reason)
                if chunk.text:
                    yield f"event: sentence\ndata: {json.dumps(chunk.text)}\n\n"
    except Exception as error:
        # The status is sent already. What the error says is for the log: it may hold words that are not the reader's.
        logging.getLogger(__name__).exception("A reply could not be finished.")
        name, reason = "error", type(error).__name__
    yield f"event: {name}\ndata: {json.dumps(reason)}\n\n"


def make_app(llm: BaseChatModel) -> FastAPI:
    """Return the application; the model is an argument, so that a test can pass another."""
    app = FastAPI()

    @app.post("/chat")
    async def chat(asked: Asked) -> StreamingResponse:
        return StreamingResponse(events(llm, asked.question), media_type="text/event-stream")

    return app


if __name__ == "__main__":
    model = StreamAlignedChat(pair.upstream().load(), pair.aligner().load(), reply_timeout=60)
    uvicorn.run(make_app(model), host="127.0.0.1", port=int(os.environ.get("PORT", "8000")))
