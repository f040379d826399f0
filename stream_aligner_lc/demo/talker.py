"""An ill-mannered upstream for the demonstration of civility: it speaks by templates, and goes on from a prefix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import BaseMessage

from stream_aligner_lc.segmentation import segment
from stream_aligner_lc.testing import ScriptedChatModel


class Talker(ScriptedChatModel):
    """Answer each question that it knows with its sentences, word by word; after a prefix with those that are left."""

    replies: Mapping[str, tuple[str, ...]]

    def __init__(self, replies: Mapping[str, tuple[str, ...]]) -> None:
        super().__init__("", replies=replies)

    def load(self) -> Talker:
        """Return this object: there is nothing to load."""
        return self

    def turn(self, messages: Sequence[BaseMessage], **kwargs: Any) -> str:
        """Return the sentences that are left to say. Raises `KeyError` for a question that it does not know."""
        prefix = messages[-1].text if messages[-1].type == "ai" else ""
        question = next(message.text for message in reversed(messages) if message.type == "human")
        rest = self.replies[question][len(segment(prefix)) :]
        return " ".join(["", *rest] if prefix and rest else rest)
