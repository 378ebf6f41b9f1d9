"""Which question may have ended the answer process that worked on it.

Many bots' questions are under way in one process, and when it dies nobody says which of them it died of. Those that
were under way at two such ends are suspects: they are tried again one after the other, some seconds apart, and when a
process ends then, it was the last of them. The others are innocent: their updates lose none of their tries.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Collection

Question = tuple[str, int, str]
"""The bot, the number of its update, and the kind of question that it led to."""

MOST_REMEMBERED = 10_000
ENDS = 2
"""Of processes, that an innocent question may be under way at."""
TRIAL_SECONDS = 5.0
"""What a process survives so long is not what ends it, as far as one can tell."""


class Suspects:
    """The questions that were under way when a process ended, until they are answered."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._ends: OrderedDict[Question, int] = OrderedDict()
        self._tried: dict[Question, None] = {}
        self._clock = clock
        self._free_at = 0.0

    @property
    def free_in(self) -> float:
        """Seconds until the next suspect may begin; 0: now."""
        return max(0.0, self._free_at - self._clock()) if self._tried else 0.0

    def __contains__(self, question: Question) -> bool:
        return self._ends.get(question, 0) >= ENDS

    def begin(self, question: Question) -> None:
        """The question goes to a process."""
        if question in self:
            self._tried[question] = None
            self._free_at = self._clock() + TRIAL_SECONDS

    def end(self, question: Question, *, answered: bool) -> None:
        """The question is under way no more, and its process goes on. `answered`: it is past suspicion."""
        if question in self._tried:
            last = next(reversed(self._tried)) == question
            del self._tried[question]
            self._free_at = 0.0 if last else self._free_at
        if answered:
            self._ends.pop(question, None)

    def process_ended(self, under_way: Collection[Question]) -> Collection[Question]:
        """A process ended that worked on these; those that it ended of, as far as is known."""
        if tried := [question for question in self._tried if question in under_way]:
            return {tried[-1]}
        if len(under_way) == 1:
            return under_way
        for question in under_way:
            self._ends[question] = self._ends.get(question, 0) + 1
            self._ends.move_to_end(question)
        while len(self._ends) > MOST_REMEMBERED:
            self._ends.popitem(last=False)
        return ()
