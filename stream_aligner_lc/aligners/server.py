"""An aligner behind a server: where one machine is not enough, an engine made for many takes over."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from stream_aligner_lc.aligners.checks import check_number, check_policy, check_whole
from stream_aligner_lc.aligners.stoppable import StoppableAligner
from stream_aligner_lc.aligners.transformers import PUBLISHED
from stream_aligner_lc.corrections import Correction, Draft
from stream_aligner_lc.errors import AlignerError, ConfigurationError
from stream_aligner_lc.local.correcting import Corrector
from stream_aligner_lc.local.trained import Trained, trained_in_folder
from stream_aligner_lc.local.verdicts import form_of
from stream_aligner_lc.prompts import DEFAULT_POLICY, TEMPLATES, Template, template_named
from stream_aligner_lc.remote.access import check_address, headers_of, key_of
from stream_aligner_lc.remote.asking import Asker, PlainAsker, PromptedAsker
from stream_aligner_lc.remote.calls import Stop
from stream_aligner_lc.remote.engine import ServerEngine
from stream_aligner_lc.remote.refusals import RefusedError
from stream_aligner_lc.remote.service import Service, check_installed
from stream_aligner_lc.remote.tokenizers import Known, folder_of, load

_PROMPTED = "prompted"


class ServerAligner(StoppableAligner):
    """Correct sentences with a model behind a server that speaks OpenAI's API, such as vLLM or SGLang.

    `base_url` ends in /v1, `model` is what the server calls it. `template` names the prompt that it was trained in, as
    for `TransformersAligner`: what its config.json says, else `stream-aligner`. That takes its tokenizer, and no
    weights: `tokenizer` is a folder or hub id, by default `model`. The prompt is sent as token ids to
    `/v1/completions`, the very ones that `TransformersAligner` would read, and decoding is greedy, so corrections are
    the same; `max_growth` and `caution` mean the same, too. A server that takes text alone (`transformers serve`) gets
    text, unless it would read control tokens out of it, which raises `AlignerError`. With `tokenizer=False` the
    template is sent as text without a chat frame: right only for a model that was trained so, and nothing then keeps
    the server from taking the name of a control token for one.

    With `template="prompted"` a chat model is told a `policy` in words by `/v1/chat/completions`, and asked up to
    `attempts` times for an answer that keeps to the protocol, as by `PromptedAligner`.

    A prompt that is too long for the model loses the older half of the prefix, at the start of a sentence, until it
    fits. `api_key` is by default the environment variable STREAM_ALIGNER_API_KEY, and may be missing. A request takes
    at most `timeout` seconds from end to end (None: no limit), and is made up to `max_retries` times more where the
    server is busy or gone, after the pause that it asks for if that is no more than a minute; cancelling closes it. One
    object serves any number of replies, from any thread or event loop. Nothing is
    asked, and openai not imported, before the first draft or `load`. Raises `ConfigurationError` for options that do
    not fit, and with the first draft for a key, a model or a tokenizer that is not there; `AlignerError` for a server
    that fails, `AlignerTimeout` for one that is too slow; no error shows the key or a header's value, even where the
    server sends it back, or a password in `base_url`.
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        *,
        template: str | None = None,
        tokenizer: str | os.PathLike[str] | bool | None = None,
        max_growth: Any = 2.0,
        caution: Any = None,
        policy: Any = None,
        attempts: Any = 2,
        api_key: str | SecretStr | None = None,
        timeout: Any = 60.0,
        max_retries: Any = 2,
        default_headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        check_installed()
        check_number("max_growth", max_growth, at_least=1)
        if caution is not None:
            check_number("caution", caution, at_least=0)
        if timeout is not None:
            check_number("timeout", timeout, at_least=0)
        check_whole("attempts", attempts, at_least=1)
        check_whole("max_retries", max_retries, at_least=0)
        check_address(base_url)
        _check_model(model)
        self._is_prompted = template == _PROMPTED
        self._named = _template(template)
        self._source = _source(tokenizer, model, self._named, is_prompted=self._is_prompted)
        _check_told(policy, template)
        self.base_url, self.model = base_url.rstrip("/"), model
        self.name = Path(model).name or model
        self.max_growth, self.policy, self.attempts = max_growth, policy or DEFAULT_POLICY, attempts
        self._caution = caution
        self._said_by_folder = None if self._source is None else trained_in_folder(folder_of(self._source))
        self._check_match(self._said_by_folder)
        self._service = Service(
            self.base_url,
            model,
            api_key=key_of(api_key),
            timeout=timeout,
            max_retries=max_retries,
            default_headers=headers_of(default_headers),
        )
        self._asker: Asker | None = None
        self._known: Known | None = None
        self._lock = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        """Leave behind what is made with the first draft."""
        return {**super().__getstate__(), "_asker": None, "_known": None, "_lock": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._lock = threading.Lock()

    def load(self) -> ServerAligner:
        """Load the tokenizer and ask the server for its models now, and return this object."""
        self._equip(self._stop())
        return self

    def close(self) -> None:
        """Close the connections; a later draft opens new ones."""
        self._service.close()

    @property
    def granularity(self) -> str | None:
        """What it was trained to correct at a time, None if it does not say."""
        return None if self._said_by_folder is None else self._said_by_folder.granularity

    def num_tokens(self, text: str) -> int | None:
        """Count by the tokenizer, once it is loaded."""
        known = self._known
        return None if known is None else len(known.encoder.text(text))

    @property
    def identity(self) -> dict[str, Any]:
        """The server, the model and what changes its answers; no key."""
        asked: dict[str, Any] = {"max_growth": self.max_growth, "caution": self._caution, "tokenizer": self._source}
        if self._is_prompted:
            asked = {"policy": self.policy}
        template = self._named or _template_of(self._said_by_folder)
        return {
            **super().identity,
            "server": self._service.address,
            "model": self.model,
            "template": _PROMPTED if self._is_prompted else template.name,
            **asked,
        }

    def _stop(self) -> Stop:
        return Stop()

    def _correct_until(self, drafts: Sequence[Draft], stopped: threading.Event) -> list[Correction]:
        draft = drafts[0]
        try:
            return self._equip(stopped).correct(drafts[:1], stopped)
        except RefusedError as fault:
            error = self._service.explained(fault.refusal, [draft.text, draft.prefix], stopped=self._stop())
            if isinstance(error, AlignerError):
                error.released, error.draft = draft.prefix, draft.text
            # A traceback shows the cause, too.
            raise error from self._service.tellable(fault.__cause__)

    def _equip(self, stopped: threading.Event) -> Asker:
        if self._asker is None:
            # Without the lock: whoever waits for the server can be stopped, and waits for nobody else's turn.
            self._asker = self._made(stopped)
        return self._asker

    def _made(self, stopped: threading.Event) -> Asker:
        if self._is_prompted:
            return PromptedAsker(self._service, policy=self.policy, attempts=self.attempts)
        if self._source is None:
            template = self._named or _template_of(None)
            return PlainAsker(self._service, template, max_growth=self.max_growth)
        return self._corrector(self._tokenizer(self._source), stopped)

    def _tokenizer(self, source: str) -> Known:
        with self._lock:
            if self._known is None:
                known = load(source)
                self._check_match(known.trained)
                self._known = known
            return self._known

    def _corrector(self, known: Known, stopped: threading.Event) -> Corrector:
        told = 0.0 if known.trained is None else known.trained.caution
        caution = told if self._caution is None else float(self._caution)
        offered = {model.name: model.max_tokens for model in self._service.models(stopped=stopped)}
        limits = [known.max_tokens, offered.get(self.model)]
        return Corrector(
            form_of(known.encoder, self._named or _template_of(known.trained)),
            ServerEngine(self._service, known, caution=caution),
            name=self.name,
            max_tokens=min((limit for limit in limits if limit is not None), default=None),
            max_growth=self.max_growth,
            # Each is a request, and the loop shows one while the next is judged.
            shares_passes=False,
        )

    def _check_match(self, trained: Trained | None) -> None:
        if trained is None or self._named is None or self._named.name == trained.template:
            return
        raise ConfigurationError(
            f"{self._source!r} was trained in the template {trained.template!r}, not in {self._named.name!r}. Leave "
            "`template` out, or pass the `tokenizer` of the model that the server runs."
        )


def _template(name: str | None) -> Template | None:
    if name is None or name == _PROMPTED:
        return None
    if name not in TEMPLATES:
        known = ", ".join(map(repr, [*TEMPLATES, _PROMPTED]))
        raise ConfigurationError(f"`template` must be one of {known}, got {name!r}.")
    return template_named(name)


def _template_of(trained: Trained | None) -> Template:
    return template_named(PUBLISHED if trained is None else trained.template)


def _source(tokenizer: Any, model: str, template: Template | None, *, is_prompted: bool) -> str | None:
    """Return where the tokenizer is, None if there is to be none."""
    if is_prompted:
        if tokenizer:
            raise ConfigurationError(f"A prompted model needs no `tokenizer`, got {tokenizer!r}.")
        return None
    if tokenizer is False:
        if template is not None and template.name == "verdict":
            raise ConfigurationError(
                "The template 'verdict' is judged by single tokens, so it needs the tokenizer: `tokenizer=` must be "
                "its folder or hub id, got False."
            )
        return None
    if tokenizer is not None and not isinstance(tokenizer, str | os.PathLike):
        raise ConfigurationError(f"`tokenizer` must be a folder, a hub id or False, got {tokenizer!r}.")
    return model if tokenizer is None else os.fspath(tokenizer)


def _check_model(model: Any) -> None:
    if not isinstance(model, str) or not model.strip():
        raise ConfigurationError(f"`model` must be the name that the server has for it, got {model!r}.")


def _check_told(policy: Any, template: str | None) -> None:
    if policy is None:
        return
    if template != _PROMPTED:
        raise ConfigurationError(f"`policy` goes with template={_PROMPTED!r}, got template={template!r}.")
    check_policy(policy)
