"""A model of `transformers` and its tokenizer, named at once and loaded when it is first needed.

Importing this imports neither torch nor transformers. To name a model reads a few small files, so that what is wrong
shows at once; to load it takes seconds. A server names its models when it starts, and they are loaded in a thread.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from reprlib import repr as brief
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4
from weakref import WeakValueDictionary

from stream_aligner_lc.errors import ConfigurationError
from stream_aligner_lc.local.folders import as_folder
from stream_aligner_lc.local.trained import Trained, trained_in, trained_in_folder

if TYPE_CHECKING:
    from stream_aligner_lc.local.decoding import Decoder
    from stream_aligner_lc.local.encoding import Encoder

_shared: WeakValueDictionary[tuple[str, str], LocalModel] = WeakValueDictionary()
# transformers makes a model without weights first, by a switch that is the whole process's: two models that are loaded
# at the same time, as by a server that is asked while it starts, would break each other.
_loading = threading.Lock()
_DTYPES = ("auto", "float32", "bfloat16", "float16", "float64")


class Loaded(NamedTuple):
    """What is there after loading."""

    model: Any
    encoder: Encoder
    decoder: Decoder

    ends: frozenset[int]
    """The tokens that end a reply."""
    max_tokens: int | None
    """How many tokens the model can attend to, None if its configuration does not say."""


class LocalModel:
    """A causal language model in a folder or on the hub.

    `source` is the path of a folder or a hub id (with a `revision`, if it is pinned). `device` is "auto" (CUDA, else
    MPS, else the CPU) or one of torch's names. `dtype` is "auto" (bfloat16 on CUDA, float16 where a GPU has no
    bfloat16, float32 on a CPU) or one of torch's names. `chat_template` stands in for the tokenizer's own. What can
    be seen to be wrong raises `ConfigurationError` here, the rest in `load`.
    """

    def __init__(
        self,
        source: str | os.PathLike[str],
        *,
        device: str = "auto",
        dtype: str = "auto",
        revision: str | None = None,
        chat_template: str | None = None,
    ) -> None:
        if not isinstance(source, str | os.PathLike):
            raise ConfigurationError(
                f"The model must be the path of a folder or a hub id, got {brief(source)} ({type(source).__name__}). "
                "A model that is loaded already is passed to `from_model(model, tokenizer)`."
            )
        dtype = str(dtype).removeprefix("torch.")
        if dtype not in _DTYPES:
            raise ConfigurationError(f"`dtype` must be one of {', '.join(map(repr, _DTYPES))}, got {dtype!r}.")
        self.source = os.fspath(source)
        self.device = str(device)
        self.dtype = dtype
        self.revision = revision
        self.chat_template = chat_template
        self.folder: Path | None = as_folder(self.source)
        self._trained = trained_in_folder(self.folder)
        self.name = _name(self.source)
        self.identity = repr((_place(self.folder) or self.source, revision, dtype, chat_template))
        """What tells its answers from another model's."""
        self._loaded: Loaded | None = None
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        """Leave the weights behind: a copy shares them with whoever holds them, or loads them anew."""
        return _again, (self.source, self.device, self.dtype, self.revision, self.chat_template)

    @property
    def is_loaded(self) -> bool:
        """Whether `load` has nothing left to do."""
        return self._loaded is not None

    @property
    def trained(self) -> Trained | None:
        """How it was trained as an aligner, if it says so; of a model on the hub that is known once it is loaded."""
        if self._trained is None and self._loaded is not None:
            self._trained = trained_in(self._loaded.model.config.to_dict(), self.source)
        return self._trained

    def load(self) -> Loaded:
        """Load the model, once; takes seconds, so call it in a thread where an event loop runs.

        Raises `ConfigurationError` if the model is not on the hub, cannot be loaded or does not fit into memory.
        """
        with self._lock:
            if self._loaded is None:
                load = _loader()
                with _loading:
                    model, tokenizer = load(
                        self.source, self.folder, device=self.device, dtype=self.dtype, revision=self.revision
                    )
                self._loaded = _equipped(model, tokenizer, self.chat_template)
            return self._loaded


def shared(
    source: str | os.PathLike[str], *, device: str, dtype: str, revision: str | None, chat_template: str | None = None
) -> LocalModel:
    """Return the model of that name that somebody holds already, else a new one.

    LangChain builds a model anew for every setting that is configured at run time; its weights are loaded once.
    """
    made = LocalModel(source, device=device, dtype=dtype, revision=revision, chat_template=chat_template)
    return _shared.setdefault((made.identity, made.device), made)


def _again(source: str, device: str, dtype: str, revision: str | None, chat_template: str | None) -> LocalModel:
    return shared(source, device=device, dtype=dtype, revision=revision, chat_template=chat_template)


def _loader() -> Callable[..., tuple[Any, Any]]:
    try:
        # torch and transformers take seconds to import, and not everyone has them.
        from stream_aligner_lc.local.loading import load  # noqa: PLC0415
    except ModuleNotFoundError as fault:
        raise ConfigurationError(
            f"A local model needs {fault.name}, which is not installed: pip install 'stream-aligner-lc[local]'."
        ) from fault
    except ImportError as fault:
        raise ConfigurationError(
            f"A local model needs other versions than those installed: {fault}. "
            "pip install -U 'stream-aligner-lc[local]'."
        ) from fault
    return load


class GivenModel(LocalModel):
    """A model and a tokenizer that are loaded already; the model is put into its `eval` mode."""

    def __init__(self, model: Any, tokenizer: Any, *, chat_template: str | None = None) -> None:
        self.source = str(getattr(model, "name_or_path", "") or type(model).__name__)
        self.device, self.dtype = str(model.device), str(model.dtype).removeprefix("torch.")
        self.revision, self.folder, self.chat_template = None, None, chat_template
        self.name = _name(self.source)
        # Nothing tells what its weights are, so it is itself alone.
        self.identity = f"{self.source}:{uuid4().hex}"
        self._lock = threading.Lock()
        self._trained = None
        # Dropout would make greedy replies random.
        self._loaded = _equipped(model.eval(), tokenizer, chat_template)

    def __copy__(self) -> GivenModel:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> GivenModel:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError(
            f"The model {self.name!r} was handed over loaded, so it cannot be pickled. Save it, and name its folder."
        )


def _equipped(model: Any, tokenizer: Any, chat_template: str | None) -> Loaded:
    from stream_aligner_lc.local.decoding import Decoder  # noqa: PLC0415  # see `load`
    from stream_aligner_lc.local.encoding import Encoder  # noqa: PLC0415
    from stream_aligner_lc.local.loading import cache_bytes  # noqa: PLC0415

    encoder = Encoder(tokenizer, chat_template=chat_template)
    configured = model.generation_config.eos_token_id
    if configured is None:
        configured = tokenizer.eos_token_id
    ends = {*(configured if isinstance(configured, list) else [configured]), encoder.end_of_turn}
    max_tokens = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    decoder = Decoder(model, kept_bytes=cache_bytes(model.device))
    return Loaded(model, encoder, decoder, frozenset(end for end in ends if end is not None), max_tokens)


def _place(folder: Path | None) -> tuple[str, int] | None:
    """Return where a folder is, and when its newest file was written: a model may be trained again in place."""
    if folder is None:
        return None
    return str(folder.resolve()), max(file.stat().st_mtime_ns for file in folder.iterdir() if file.is_file())


def _name(source: str) -> str:
    return Path(source).name or source
