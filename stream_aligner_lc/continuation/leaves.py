"""The chat models inside a binding, a retry, fallbacks or alternatives, and what can be read off them."""

import inspect
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import Runnable, RunnableWithFallbacks
from langchain_core.runnables.base import RunnableBindingBase
from langchain_core.runnables.configurable import DynamicRunnable, RunnableConfigurableAlternatives

from stream_aligner_lc.fingerprints import fingerprint

_OUR_FRAMES = ("stream_aligner_lc", "pydantic", "langchain_core")
_warned: set[type] = set()


@dataclass(frozen=True, slots=True)
class Leaf:
    """One chat model, with the keyword arguments that are bound around it."""

    model: Runnable[Any, Any]
    bound: Mapping[str, Any] = field(default_factory=dict)

    @property
    def model_class(self) -> type:
        """The model's class, by which it is recognised."""
        return type(self.model)

    @property
    def langchain_classes(self) -> list[str]:
        """The names of its classes from LangChain and its integrations, the class itself first."""
        return [one.__name__ for one in self.model_class.__mro__ if one.__module__.startswith("langchain")]

    @property
    def is_double(self) -> bool:
        """One of LangChain's fakes or of our own doubles: scripted, so it continues anything."""
        modules = ("langchain_core.language_models.fake_chat_models", "stream_aligner_lc.testing")
        return any(one.__module__.startswith(modules) for one in self.model_class.__mro__)

    @property
    def model_name(self) -> str:
        """What the provider calls the model, in lower case; a bound name wins, as it does in the call."""
        if bound := self.bound.get("model"):
            return str(bound).lower()
        # Bedrock names an inference profile in one field and the model behind it in another.
        return " ".join(map(str, self._read("model", "model_name", "model_id", "base_model_id"))).lower()

    @property
    def base_url(self) -> str:
        """The address of the server, "" for the integration's default."""
        # The client knows what the environment said; the fields only what was passed.
        clients = self._read("root_async_client", "root_client")
        addresses = [getattr(client, "base_url", None) for client in clients]
        return next((str(url) for url in [*addresses, *self._read("openai_api_base", "api_base")] if url), "")

    @property
    def extra_body(self) -> dict[str, Any]:
        """What the model adds to each request body, bound ones included."""
        return {key: value for body in self._settings("extra_body") for key, value in body.items()}

    @property
    def thinks(self) -> bool:
        """Whether a Claude model is told to reason before it answers; the last place that says so counts."""
        return any(setting.get("type") != "disabled" for setting in self._settings("thinking")[-1:])

    @property
    def call_settings(self) -> list[Mapping[str, Any]]:
        """Everywhere that the model may be told something about its calls, each as keyword arguments."""
        fields = vars(self.model)
        more = fields.get("model_kwargs")
        return [self.bound, fields, more if isinstance(more, Mapping) else {}]

    def is_a(self, name: str) -> bool:
        """Tell whether the model's class is, or derives from, the integration class of that name."""
        return name in self.langchain_classes

    def _read(self, *names: str) -> list[Any]:
        values = (getattr(self.model, name, None) for name in names)
        return [value for value in values if value]

    def _settings(self, name: str) -> list[Mapping[str, Any]]:
        """Collect the setting of that name from everywhere it can stand, the strongest last."""
        places = (*self._read("additional_model_request_fields", "model_kwargs"), self.bound)
        found = [*self._read(name), *(place.get(name) for place in places if isinstance(place, Mapping))]
        return [setting for setting in found if isinstance(setting, Mapping)]


def leaves(llm: Runnable[Any, Any], bound: Mapping[str, Any] | None = None) -> Iterator[Leaf]:
    """Yield every chat model that may serve a call of `llm`."""
    bound = bound or {}
    if isinstance(llm, RunnableBindingBase):
        yield from leaves(llm.bound, {**llm.kwargs, **bound})
    elif isinstance(llm, RunnableWithFallbacks):
        for one in (llm.runnable, *llm.fallbacks):
            yield from leaves(one, bound)
    elif isinstance(llm, DynamicRunnable):
        alternatives = llm.alternatives.values() if isinstance(llm, RunnableConfigurableAlternatives) else ()
        # An alternative given as a factory is not built here, because building a client may need a key.
        for one in (llm.default, *(other for other in alternatives if isinstance(other, Runnable))):
            yield from leaves(one, bound)
    else:
        yield Leaf(llm, bound)


def identity_of(llm: Any) -> str:
    """Return what tells this upstream's answers from another's.

    That is its class and a fingerprint of the key by which LangChain caches it: bound arguments may be secret.
    """
    models = [(leaf.model_class, _cache_key(leaf.model), leaf.bound) for leaf in leaves(llm)]
    return f"{models[0][0].__module__}.{models[0][0].__qualname__}:{fingerprint(repr(models))}"


def _cache_key(model: Any) -> str:
    # LangChain's caches have no public name for it.
    return model._get_llm_string() if isinstance(model, BaseChatModel) else repr(model)  # noqa: SLF001


def warn_once(about: type, message: str) -> None:
    """Warn the caller of this package, once per class and process."""
    if about not in _warned:
        _warned.add(about)
        warn(message)


def warn(message: str) -> None:
    """Warn the caller of this package."""
    warnings.warn(message, UserWarning, stacklevel=_callers_level())


def _callers_level() -> int:
    """Return how far up the stack the first frame outside of this package, and what builds its models, is."""
    level, frame = 1, inspect.currentframe()
    while frame is not None and frame.f_globals.get("__name__", "").startswith(_OUR_FRAMES):
        level, frame = level + 1, frame.f_back
    return level - 1
