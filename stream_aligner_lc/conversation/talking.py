"""A conversation, reply by reply: what was released stays in it, also of a reply that was stopped."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import Any, cast

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from stream_aligner_lc.chat_model import StreamAlignedChat
from stream_aligner_lc.conversation.sentences import Sentences, Shown
from stream_aligner_lc.options import Record


class Conversation:
    """The turns so far, with a model that is aligned.

    `show` is called with each piece of a reply, and `on_record` with the record of each sentence.
    """

    def __init__(
        self,
        chat: StreamAlignedChat,
        *,
        show: Callable[[Shown], None] = lambda _: None,
        on_record: Callable[[Record], None] = lambda _: None,
    ) -> None:
        self._chat = chat
        self._show = show
        self._on_record = on_record
        self.messages: list[BaseMessage] = []

    def ask(self, question: str) -> AIMessage:
        """Have a question answered, and return the whole reply, whose metadata has the totals.

        Raises what the models raise, and `KeyboardInterrupt` as it comes; the stream is closed by then, and what was
        released is part of the conversation. A question without any answer is not.
        """
        sentences = Sentences()

        def judged(record: Record) -> None:
            sentences.judged(record)
            self._on_record(record)

        chat = self._chat.model_copy(update={"on_record": judged})
        asked = [*self.messages, HumanMessage(question)]
        reply: Any = None
        try:
            # The model's streams are generators, and closing one closes the upstream's.
            with closing(cast("Any", chat.stream(asked))) as chunks:
                for chunk in chunks:
                    reply = chunk if reply is None else reply + chunk
                    for piece in sentences.released(chunk.text) if chunk.text else ():
                        self._show(piece)
            for piece in sentences.rest():
                self._show(piece)
        finally:
            if reply is not None and reply.text.strip():
                self.messages = [*asked, AIMessage(reply.text)]
        return cast("AIMessage", reply)
