"""Choose how a model is asked to go on: one request has to suit every model that may serve it."""

from typing import Any

from langchain_core.runnables import Runnable

from stream_aligner_lc.continuation.leaves import leaves
from stream_aligner_lc.continuation.providers import for_class, named
from stream_aligner_lc.continuation.strategies import Continuation, Custom, CustomContinuation, Instruct
from stream_aligner_lc.errors import ConfigurationError


def choose_continuation(llm: Runnable[Any, Any], continuation: str | CustomContinuation = "auto") -> Continuation:
    """Choose the way of continuing for `llm`: a chat model, or a binding, retry or fallbacks of some.

    `"auto"` takes what the model's class declares as `stream_aligner_continuation`, else what is known of its
    provider, else `"instruct"` with one warning. Models behind one `llm` that need different requests are all
    asked with an instruction. A name sets the way; a function `(messages, prefix)` returns the messages to
    send, or them and a dict of keyword arguments, and may carry the attribute `exact = False`. Wrong values
    raise `ConfigurationError`.
    """
    if callable(continuation):
        return Custom(exact=bool(getattr(continuation, "exact", True)), function=continuation)
    if continuation == "auto":
        choices = [for_class(leaf) for leaf in leaves(llm)]
        return choices[0] if _agree(choices) else Instruct()
    choices = [named(continuation, leaf) for leaf in leaves(llm)]
    if not _agree(choices):
        classes = " and ".join(dict.fromkeys(leaf.model_class.__name__ for leaf in leaves(llm)))
        raise ConfigurationError(
            f"`continuation={continuation!r}` needs different requests for the models behind one `llm` "
            f'({classes}). Give them the same class and `extra_body`, or use `continuation="instruct"`.'
        )
    return choices[0]


def _agree(choices: list[Continuation]) -> bool:
    return all(choice == choices[0] for choice in choices)
