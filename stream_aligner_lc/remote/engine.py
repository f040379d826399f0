"""A server as the engine of an aligner: prompts, verdicts and limits are those of a model in process."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Sequence

from stream_aligner_lc.local.completions import Completion, Effort, Prompt
from stream_aligner_lc.local.forms import parting
from stream_aligner_lc.remote.answers import Said
from stream_aligner_lc.remote.dialects import Dialect, Text, Tokens
from stream_aligner_lc.remote.refusals import RefusedError
from stream_aligner_lc.remote.service import Service
from stream_aligner_lc.remote.tokenizers import Known


class ServerEngine:
    """Complete prompts with a server's `/v1/completions`; how that is made fast is the server's affair.

    `caution` holds as in process: where a token is preferred its logit gets as much more, so that the server's choice
    is another one exactly if that is more probable by more. A correction that leaves its draft takes one request of a
    single token to see whether it should, and a verdict is one token anyway.

    In an `Effort` a pass is a request, and the tokens are those that the server reports.
    """

    def __init__(self, service: Service, known: Known, *, caution: float) -> None:
        self._service = service
        self._known = known
        self._caution = caution
        # Found with the first prompt.
        self._dialect: Dialect | None = None

    def complete_each(self, prompts: Sequence[Prompt], *, stopped: threading.Event) -> Iterator[Completion]:
        """Write an answer to each prompt, one after the other."""
        for prompt in prompts:
            yield self._completed(prompt, stopped)

    def tokens_after(
        self, ids: Sequence[int], places: Sequence[int], *, stopped: threading.Event, preferred: Collection[int] = ()
    ) -> tuple[list[int], Effort]:
        """Return the token after the first place."""
        token, effort = self._token(ids[: places[0]], preferred, stopped)
        return [token], effort

    def warm(self, ids: Sequence[int], *, stopped: threading.Event) -> None:
        """Do nothing: the server keeps what it has read."""

    def _completed(self, prompt: Prompt, stopped: threading.Event) -> Completion:
        draft, kept, effort = list(prompt.draft), 0, Effort()
        while True:
            said, took = self._asked([*prompt.ids, *draft[:kept]], prompt.limit - kept, stopped)
            effort += took
            ids, is_ended = self._until_end(said)
            written = draft[:kept] + ids
            done = Completion(written, said.is_finished or is_ended, effort)
            at = parting(written, draft)
            if not self._caution or written == draft or at >= prompt.limit:
                return done
            # Here it leaves the draft, or does not end with it. Should it?
            preferred = draft[at : at + 1] or sorted(self._known.ends)
            token, took = self._token([*prompt.ids, *draft[:at]], preferred, stopped)
            effort += took
            if token not in preferred:
                return done._replace(effort=effort)
            if at == len(draft):
                return Completion(draft, is_finished=True, effort=effort)
            kept = at + 1

    def _token(self, ids: Sequence[int], preferred: Collection[int], stopped: threading.Event) -> tuple[int, Effort]:
        said, effort = self._asked(ids, 1, stopped, preferred)
        assert self._dialect is not None, "something has been asked in it"
        written = self._dialect.ids(said)
        # An end may be left out.
        return next(iter(written), min(self._known.ends, default=-1)), effort

    def _until_end(self, said: Said) -> tuple[list[int], bool]:
        assert self._dialect is not None, "something has been asked in it"
        ids = self._dialect.ids(said)
        end = next((at for at, token in enumerate(ids) if token in self._known.ends), None)
        return ids[:end], end is not None

    def _asked(
        self, ids: Sequence[int], limit: int, stopped: threading.Event, preferred: Collection[int] = ()
    ) -> tuple[Said, Effort]:
        if self._dialect is not None:
            said = self._asked_in(self._dialect, ids, limit, stopped, preferred)
        else:
            said = self._asked_first(ids, limit, stopped, preferred)
        return said, Effort(
            passes=1, tokens_fed=said.num_tokens, tokens_reused=said.num_cached, cache_hits=int(said.num_cached > 0)
        )

    def _asked_first(
        self, ids: Sequence[int], limit: int, stopped: threading.Event, preferred: Collection[int]
    ) -> Said:
        dialect: Dialect = Tokens(self._known)
        try:
            said = self._asked_in(dialect, ids, limit, stopped, preferred)
        except RefusedError as fault:
            if not fault.refusal.is_of_the_form:
                raise
            dialect = Text(self._known)
            said = self._asked_in(dialect, ids, limit, stopped, preferred)
        self._dialect = dialect
        return said

    def _asked_in(
        self, dialect: Dialect, ids: Sequence[int], limit: int, stopped: threading.Event, preferred: Collection[int]
    ) -> Said:
        request = dialect.request(ids, bias=self._caution if preferred else 0.0, preferred=preferred)
        return self._service.complete(request.prompt, max_tokens=limit, more=request.more, stopped=stopped)
