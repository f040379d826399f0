"""Complete prompts whose answer is most likely known: one pass where it is, a few where it changes in a few places."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from contextlib import suppress

from stream_aligner_lc.local.caution import keeping_to, kept
from stream_aligner_lc.local.completions import Completion, Effort, Prompt, StoppedError
from stream_aligner_lc.local.decoding import Choose, Decoder, Decoding, greedy
from stream_aligner_lc.local.guessing import Guesses
from stream_aligner_lc.local.memory import Room
from stream_aligner_lc.local.works import Piece


class DraftingEngine:
    """Read the draft after its prompt in one pass; where the model would have gone another way, guess again.

    The answer is what decoding token by token would give: with `greedy`, `generate(do_sample=False)` without the
    penalties that a model may ask for, because a correction is nearly a copy and a penalty on what has been said
    spoils copies. With a choice that samples, each token is drawn from the model's own distribution and the draft
    goes on as long as it is what was drawn, so the answer is distributed as without a draft (speculative sampling,
    arXiv 2302.01318, for a draft that is certain). With `caution` above 0 the draft is kept where the model does not
    much prefer something else; see `caution.py`.
    """

    def __init__(
        self,
        decoder: Decoder,
        ends: frozenset[int],
        *,
        starts_word: Callable[[int], bool],
        make_choice: Callable[[int], Choose] | None = None,
        caution: float = 0.0,
    ) -> None:
        self._decoder = decoder
        self._ends = ends
        self._starts_word = starts_word
        self._make_choice = make_choice
        self._caution = caution

    def complete_each(self, prompts: Sequence[Prompt], *, stopped: threading.Event) -> Iterator[Completion]:
        """Write until the model ends each answer; fewer answers where there is no memory for all."""
        first, *others = prompts
        steps = [self._steps(first, stopped, "awaited"), *(self._steps(other, stopped, "now") for other in others)]
        answers = self._decoder.drive(*steps)
        yield next(answers)
        with suppress(StoppedError):
            yield from answers

    def _steps(self, prompt: Prompt, stopped: threading.Event, room: Room) -> Generator[Piece, None, Completion]:
        ids, draft, limit = prompt
        choose = self._choice(ids, draft)
        guesses = Guesses(draft, self._starts_word)
        guess, said = guesses.first(), list[int]()
        with self._decoder.reading(ids, ahead=limit, room=room, stopped=stopped) as decoding:
            while len(said) < limit:
                guess = guess[: limit - len(said) - 1]
                new = yield from decoding.steps(choose, guess)
                accepted = next((at for at, token in enumerate(new) if token in self._ends), len(new) - 1)
                if new[accepted] in self._ends:
                    said += new[:accepted]
                    return Completion(said, is_finished=True, effort=_effort(decoding))
                said += new
                guess = guesses.next(accepted, new[-1])
            return Completion(said, is_finished=False, effort=_effort(decoding))

    def _choice(self, ids: Sequence[int], draft: Sequence[int]) -> Choose:
        if self._make_choice is not None:
            return self._make_choice(len(ids))
        return keeping_to(draft, len(ids), self._ends, self._caution) if self._caution else greedy

    def tokens_after(
        self, ids: Sequence[int], places: Sequence[int], *, stopped: threading.Event, preferred: Collection[int] = ()
    ) -> tuple[list[int], Effort]:
        """Return the token that follows the first `places[0]` ids, the first `places[1]`, ..., in one pass."""
        start, reach = places[0], self._decoder.passes.reach
        # Beyond it every length has logits of its own.
        places = [place for place in places if place == start or reach is None or place <= reach]
        more = ids[start : places[-1]]
        with self._decoder.reading(ids[:start], ahead=len(more), room="awaited", stopped=stopped) as decoding:
            tokens = next(self._decoder.drive(decoding.read(more, self._choice_at(places, preferred))))
            return [tokens[place - start] for place in places], _effort(decoding)

    def _choice_at(self, places: Sequence[int], preferred: Collection[int]) -> Choose:
        if self._make_choice is None and not self._caution:
            return greedy
        if self._make_choice is None:
            return lambda row, _: kept(row, preferred, self._caution)
        # Each place throws its own dice, so that it does not matter which of them are asked about together.
        choices = {place: self._make_choice(place) for place in places}
        return lambda row, ids: choices[len(ids)](row, ids) if len(ids) in choices else -1

    def warm(self, ids: Sequence[int], *, stopped: threading.Event) -> None:
        """Read the beginning of prompts to come, when nothing else is to be done."""
        with self._decoder.reading(ids, room="now", stopped=stopped) as decoding:
            if decoding.num_reused < len(ids) - 1:
                next(self._decoder.drive(decoding.read(can_wait=True)))


def _effort(decoding: Decoding) -> Effort:
    return Effort(
        passes=decoding.num_passes,
        tokens_fed=decoding.num_fed,
        tokens_drafted=decoding.num_drafted,
        tokens_accepted=decoding.num_accepted,
        tokens_reused=decoding.num_reused,
        cache_hits=int(decoding.num_reused > 0),
    )
