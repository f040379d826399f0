"""`POST /v1/chat/completions`: one request, checked and answered."""

from __future__ import annotations

import logging
import traceback
from collections.abc import AsyncIterator, Collection
from typing import Any

from langchain_core.messages import AIMessageChunk
from langchain_core.runnables import RunnableBinding
from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive, Scope, Send

from stream_aligner_lc.chat_model import StreamAlignedChat
from stream_aligner_lc.continuation.leaves import leaves
from stream_aligner_lc.faults import chain_of
from stream_aligner_lc.serving.asked import Asked, asked_of, taken_by
from stream_aligner_lc.serving.counted import CLIENT_LEFT
from stream_aligner_lc.serving.gate import Gate
from stream_aligner_lc.serving.metrics import Metrics
from stream_aligner_lc.serving.readiness import Readiness
from stream_aligner_lc.serving.refusals import Refusal, bad_request, unforeseen
from stream_aligner_lc.serving.replies import Reply

_log = logging.getLogger(__name__)


class Completions:
    """Answer requests with replies of one model, which goes by `name`: an ASGI endpoint."""

    def __init__(
        self,
        llm: StreamAlignedChat,
        name: str,
        *,
        gate: Gate,
        readiness: Readiness,
        metrics: Metrics,
        forward: Collection[str] = (),
    ) -> None:
        self._llm = llm
        self._name = name
        self._gate = gate
        self._readiness = readiness
        self._metrics = metrics
        self._takes = taken_by(llm.llm, forward)
        # "none" is OpenAI's word; elsewhere an upstream that may call no tool is shown none.
        self._knows_none = all(leaf.is_a("BaseChatOpenAI") or leaf.is_double for leaf in leaves(llm.llm))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        try:
            reply = self._reply_to(await _body(request))
        except ClientDisconnect:
            self._metrics.count_answer(CLIENT_LEFT)
        except Exception as fault:  # noqa: BLE001  # the words of any other one may quote the conversation
            refusal = fault if isinstance(fault, Refusal) else self._unforeseen(fault)
            self._metrics.count_answer(refusal.status)
            await refusal.response(scope, receive, send)
        else:
            self._metrics.count_answer(await reply.write(self._gate, receive, send))

    def _reply_to(self, body: bytes) -> Reply:
        asked = asked_of(body, self._takes)
        if asked.model != self._name:
            raise Refusal(
                404,
                f"The model {asked.model[:80]!r} does not exist here. Ask for {self._name!r}.",
                param="model",
                code="model_not_found",
            )
        self._check_length(asked)
        return Reply(self._chunks(asked), asked, ready=self._readiness.wait, metrics=self._metrics)

    def _unforeseen(self, fault: Exception) -> Refusal:
        refusal, place = unforeseen(fault), traceback.extract_tb(fault.__traceback__)[-1]
        self._metrics.count_fault(refusal.whose)
        _log.error("%d %s (%s at %s:%s)", refusal.status, refusal.code, chain_of(fault), place.filename, place.lineno)
        return refusal

    def _check_length(self, asked: Asked) -> None:
        length, most = sum(len(message.text) for message in asked.messages), self._llm.max_input
        if most is not None and length > most:
            raise bad_request(
                f"The conversation has {length} characters, and {most} are the most. Shorten it, or start the server "
                "with a larger --max-input.",
                param="messages",
                code="context_length_exceeded",
            )

    def _chunks(self, asked: Asked) -> AsyncIterator[AIMessageChunk]:
        llm, bound = self._llm, dict[str, Any]()
        if asked.tools and (self._knows_none or asked.tool_kwargs.get("tool_choice") != "none"):
            try:
                model: Any = llm.bind_tools(asked.tools, **asked.tool_kwargs)
            except (ValueError, TypeError, NotImplementedError) as fault:
                said = f"The upstream behind this server does not take these tools ({type(fault).__name__}). "
                raise bad_request(f"{said}Leave `tools` out.", param="tools", code="unsupported_parameter") from fault
            # Called through the binding, the stream would be closed by the garbage collector.
            if isinstance(model, RunnableBinding):
                model, bound = model.bound, dict(model.kwargs)
            assert isinstance(model, StreamAlignedChat), "tools leave it what it is"
            llm = model
        return llm.astream(asked.messages, stop=asked.stop, **{**bound, **asked.kwargs})


async def _body(request: Request) -> bytes:
    """Return the body of what says that it is JSON, which a page of another origin cannot say unasked."""
    kind = request.headers.get("content-type", "")
    if kind.partition(";")[0].strip().lower() != "application/json":
        raise Refusal(415, f"Content-Type must be application/json, got {kind[:80]!r}.", code="unsupported_media_type")
    if (packed := request.headers.get("content-encoding", "identity").lower()) != "identity":
        said = f"Content-Encoding must be identity, got {packed[:80]!r}. Send the JSON as it is."
        raise Refusal(415, said, code="unsupported_media_type")
    return await request.body()
