"""Guardrails AI: a validator of sentences with `on_fail="fix"`, the one of its actions that corrects a stream.

`async`: one `AsyncGuard` for all. It validates each token in the loop's executor, which here has a thread for every
stream (as it comes, the executor of a machine with 2 cores has 6). `sync`: a `Guard` and a thread for every stream,
since two threads on one `Guard` mix their texts.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from work import Result, Upstream, Work, ameasure, answer, measure

MESSAGES = [{"role": "user", "content": "Go on."}]


def validators(work: Work) -> Callable[[], Any]:
    """Return what makes validators that fail where the aligner changes the sentence, and say what to put there."""
    from guardrails import Validator, register_validator
    from guardrails.types import OnFailAction
    from guardrails_ai.types import FailResult, PassResult

    @register_validator(name="marker", data_type="string")
    class Marker(Validator):
        def _validate(self, value: Any, metadata: dict[str, Any]) -> Any:
            text = work.align(value)
            return PassResult() if text == value else FailResult(errorMessage="The marker.", fixValue=text)

    return lambda: Marker(on_fail=OnFailAction.FIX)


def arm(work: Work) -> Result:
    """Read the streams through a guard, with metrics and tracing off."""
    # Without this file metrics are on.
    Path(os.environ["HOME"], ".guardrailsrc").write_text("enable_metrics=false\nuse_remote_inferencing=false\n")
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    from guardrails.settings import settings

    settings.disable_tracing = True
    return arm_sync(work) if work.variant == "sync" else asyncio.run(arm_async(work))


def arm_sync(work: Work) -> Result:
    """Read each stream in its thread."""
    from guardrails import Guard

    make = validators(work)
    # Made before the clock runs, one for the warm-up.
    guards = [Guard().use(make()) for _ in range(len(work.replies) + 1)]

    def open_stream(upstream: Upstream) -> Generator[str, None, None]:
        def model(*, messages: Any, **options: Any) -> Iterator[str]:  # noqa: ARG001  # Guardrails names them
            return upstream.speak()

        for outcome in guards.pop()(model, messages=MESSAGES, stream=True):
            yield outcome.validated_output or ""

    return measure(work, open_stream)


async def arm_async(work: Work) -> Result:
    """Read all streams in one loop."""
    from guardrails import AsyncGuard

    guard = AsyncGuard().use(validators(work)())
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(len(work.replies)))

    class Opened:
        def __init__(self, texts: AsyncIterator[str]) -> None:
            self.completion_stream = texts

    async def open_stream(upstream: Upstream) -> AsyncGenerator[str, None]:
        async def model(*, messages: Any, **options: Any) -> Opened:  # noqa: ARG001  # Guardrails names them
            return Opened(upstream.aspeak())

        async for outcome in await guard(model, messages=MESSAGES, stream=True):
            yield outcome.validated_output or ""

    return await ameasure(work, open_stream)


if __name__ == "__main__":
    answer(arm, "guardrails-ai")
