"""Which question may have ended the answer process that worked on it.

Many bots' questions are under way in one process, and when it dies nobody says which of them it died of. Those that
were under way at two such ends are suspects: one suspect at a time is tried again, and when a process ends then, it was
that one. The others are innocent: their updates lose none of their tries.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection

Question = tuple[str, int, str]
"""The bot, the number of its update, and the kind of question that it led to."""

MOST_REMEMBERED = 10_000
ENDS = 2
"""Of processes, that an innocent question may be under way at."""


class Suspects:
    """The questions that were under way when a process ended, until they are answered."""

    def __init__(self) -> None:
        self._ends: OrderedDict[Question, int] = OrderedDict()
        self._tried: Question | None = None

    @property
    def one_is_tried(self) -> bool:
        """Whether a suspect is under way: no other one may begin."""
        return self._tried is not None

    def __contains__(self, question: Question) -> bool:
        return self._ends.get(question, 0) >= ENDS

    def begin(self, question: Question) -> None:
        """The question goes to a process."""
        if question in self:
            self._tried = question

    def end(self, question: Question, *, answered: bool) -> None:
        """The question is under way no more, and its process goes on. `answered`: it is past suspicion."""
        if self._tried == question:
            self._tried = None
        if answered:
            self._ends.pop(question, None)

    def process_ended(self, under_way: Collection[Question]) -> Collection[Question]:
        """A process ended that worked on these; those that it ended of, as far as is known."""
        if (tried := self._tried) is not None and tried in under_way:
            self._tried = None
            return {tried}
        if len(under_way) == 1:
            return under_way
        for question in under_way:
            self._ends[question] = self._ends.get(question, 0) + 1
            self._ends.move_to_end(question)
        while len(self._ends) > MOST_REMEMBERED:
            self._ends.popitem(last=False)
        return ()
