"""The router: where the loop goes on after a node, decided by a pure function."""

from __future__ import annotations

from typing import Any, Literal, TypedDict

from langchain_core.runnables import RunnableConfig, RunnableLambda

from stream_aligner_lc.state import Progress

Way = Literal["a draft waits", "a correction waits", "read on", "over"]


class RouteInput(TypedDict):
    """What the router reads of the state."""

    progress: Progress


def route(state: RouteInput) -> Way:
    """Say how it goes on, in the words that stand at the edges of the drawn graph."""
    progress = state["progress"]
    if progress["finish"] is not None:
        return "over"
    if progress["in_review"]:
        return "a correction waits"
    return "a draft waits" if progress["ready"] else "read on"


class Router(RunnableLambda[RouteInput, Way]):
    """Decide by `route`, in either colour.

    In async code LangGraph hands a plain function to the event loop's executor, where it would wait behind the aligners
    that work there, at every step. A lambda of LangChain's says by its function what it reads of the state; no more
    than that is wanted of it, so nothing is reported of such a step.
    """

    def __init__(self) -> None:
        super().__init__(route)

    def invoke(self, input: RouteInput, config: RunnableConfig | None = None, **kwargs: Any) -> Way:
        return route(input)

    async def ainvoke(self, input: RouteInput, config: RunnableConfig | None = None, **kwargs: Any) -> Way:
        return route(input)
