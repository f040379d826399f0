"""An agent that looks up an exercise and solves it, aligned sentence by sentence. Tell it: "Solve exercise 7".

The bundled upstream is too small to call tools, so a rule calls for the exercise; the solution is the upstream's own,
mistakes and all, and the middleware has it corrected.
"""

import re
import threading
from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import Any, Required

from langchain.agents import AgentState, create_agent
from langchain.messages import AIMessageChunk, HumanMessage
from langchain.tools import tool
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGenerationChunk
from langchain_core.runnables import Runnable

from stream_aligner_lc import ChatTransformers, ConfigurationError, Correction, Draft, StreamAlignerMiddleware
from stream_aligner_lc.state import Conversation
from stream_aligner_lc.sums import pair
from stream_aligner_lc.sums.problems import problems

EXERCISES = [problem.question for problem in problems(50, seed=0)]
NO_EXERCISE = "There is no exercise"
EXERCISE = re.compile(r"(?i)\bexercise\D{0,9}0*(\d{1,9})")


@tool
def exercise(number: int) -> str:
    """Look up an exercise by its number, which starts at 1."""
    if 1 <= number <= len(EXERCISES):
        return EXERCISES[number - 1]
    return f"{NO_EXERCISE} {number}, the last one is exercise {len(EXERCISES)}."


class Pupil(ChatTransformers):
    """The bundled upstream, which calls for an exercise where a person names one, and solves what it is told.

    Where there is no such exercise it says so, in the tool's words: it has learnt sums, and would babble.
    """

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Runnable[Any, Any]:
        """Take the tools; which of them is called when is a matter of the rule."""
        return self.bind(tools=[each.name for each in tools])

    def _chunks(
        self,
        messages: Sequence[BaseMessage],
        stop: Sequence[str] | None,
        kwargs: dict[str, Any],
        *,
        stopped: threading.Event | None = None,
    ) -> Generator[ChatGenerationChunk]:
        told, *said = asked(messages)
        named = EXERCISE.search(messages[-1].text) if messages[-1].type == "human" else None
        if "exercise" in kwargs.pop("tools", ()) and named:
            # As a number: JSON has no 07, and no digits of other scripts.
            args = f'{{"number": {int(named[1])}}}'
            call = {"name": "exercise", "args": args, "id": f"call_{len(messages)}", "index": 0}
            message = AIMessageChunk("", tool_call_chunks=[{**call, "type": "tool_call_chunk"}])
            yield ChatGenerationChunk(message=message)
        elif told.text.startswith(NO_EXERCISE):
            yield ChatGenerationChunk(message=AIMessageChunk("" if said else told.text))
        else:
            yield from super()._chunks([told, *said], stop, kwargs, stopped=stopped)


def asked(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """Return what the pair has learnt to answer: the last thing that it was told, and what was said since then."""
    at = max((number for number, message in enumerate(messages) if message.type in ("human", "tool")), default=None)
    if at is None:
        raise ConfigurationError("There is nothing to answer: the conversation holds no message of a person's.")
    return [HumanMessage(messages[at].text), *messages[at + 1 :]]


aligner = pair.aligner()


def corrected(draft: Draft) -> Correction:
    """Return what the bundled aligner makes of a sentence, as the answer to what the upstream was told."""
    return aligner.invoke(replace(draft, messages=asked(draft.messages)))


class AgentInput(AgentState[Any]):
    """The agent's state, with a form that says what it is given."""

    messages: Required[Conversation]


graph = create_agent(
    Pupil(pair.UPSTREAM, device="cpu"),
    [exercise],
    middleware=[StreamAlignerMiddleware(corrected)],
    state_schema=AgentInput,
    name="agent",
)
