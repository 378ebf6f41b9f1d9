"""A bot's updates in memory: which may be worked on now.

Within a chat one goes after the other, in the order of arrival; different chats go in parallel up to a bound, and take
turns. What comes at once is begun by a stride, which what needs no answer does not count for. An update that was in
work when its worker crashed is a suspect: suspects are tried alone, so that a poisonous one takes no innocent with it
twice.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass

from bots.fairness import Stride
from chatai.domains.channels.schemas import StoredUpdate


@dataclass(slots=True, eq=False)
class Work:
    """An update and how it fares. `failures` counts the blameless ones too.

    `not_before`, `begun_at`: monotonic times; the latter is when a process was given it last. `refused`: Telegram did
    not take the message that was begun last, so it can be begun again without being counted. `sent_before`: how many
    messages the bot had sent when the update failed first. `costly`: it is answered, and not only looked at.
    """

    update: StoredUpdate
    not_before: float = 0.0
    failures: int = 0
    suspect: bool = False
    refused: bool = False
    costly: bool = False
    sent_before: int = 0
    begun_at: float = 0.0

    @property
    def number(self) -> int:
        return self.update.update_id


class ChatQueues:
    """The known updates of one bot. One that is settled stays known until that is written.

    Args:
        parallel: So many chats at once.
        stride: When the next update may begin.
    """

    def __init__(self, parallel: int, stride: Stride) -> None:
        self._parallel = parallel
        self._stride = stride
        self._held_until: float | None = None
        self._chats: OrderedDict[int, deque[Work]] = OrderedDict()
        """In the order of their turns."""
        self._known: dict[int, Work] = {}
        self._in_work: dict[int, Work] = {}

    @property
    def known(self) -> list[int]:
        return list(self._known)

    @property
    def in_work(self) -> list[Work]:
        return list(self._in_work.values())

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return sum(map(len, self._chats.values())) - len(self._in_work)

    @property
    def oldest(self) -> float | None:
        """When the oldest came that is undone, as monotonic time; None without any."""
        return min((work.update.received for queue in self._chats.values() for work in queue), default=None)

    def __len__(self) -> int:
        return len(self._known)

    def find(self, number: int) -> Work | None:
        """The update of this number if a worker has it."""
        return self._in_work.get(number)

    def add(self, update: StoredUpdate) -> None:
        """Puts an update at the end of its chat's queue, unless it is known."""
        if update.update_id in self._known:
            return
        work = Work(update)
        self._known[work.number] = work
        self._chats.setdefault(update.chat_id, deque()).append(work)

    def ready(self, now: float) -> Iterator[Work]:
        """Gives out what may be worked on, marking it as in work."""
        self._held_until = None
        for queue in list(self._chats.values()):
            if len(self._in_work) >= self._parallel or any(work.suspect for work in self._in_work.values()):
                return
            first = queue[0]
            if first.number in self._in_work or first.not_before > now:
                continue
            if first.suspect and self._in_work:
                return  # those in work come to their ends first
            if (wait := self._stride.wait(now)) > 0:
                self._held_until = now + wait
                return
            self._stride.take(now)
            self._chats.move_to_end(first.update.chat_id)
            self._in_work[first.number] = first
            first.begun_at, first.costly = now, False
            yield first

    def next_time(self, now: float) -> float | None:
        """When the earliest postponed update, or the next that its bot's stride holds back, may be given out."""
        times = [first.not_before for queue in self._chats.values() if (first := queue[0]).not_before > now]
        if self._held_until is not None:
            times.append(self._held_until)
        return min(times, default=None)

    def put_back(self, work: Work, not_before: float) -> None:
        """The update waits for another try; its chat's later ones wait with it."""
        self._in_work.pop(work.number, None)
        work.not_before = not_before
        if work.suspect and work.update.chat_id in self._chats:  # it needs a moment without any other in work
            self._chats.move_to_end(work.update.chat_id, last=False)

    def settle(self, work: Work) -> None:
        """The update is through: the next of its chat may go. It stays known until `forget`."""
        if self._in_work.pop(work.number, None) is not None and not work.costly:
            self._stride.give_back()
        queue = self._chats.get(work.update.chat_id)
        if queue and queue[0] is work:
            queue.popleft()
            if not queue:
                del self._chats[work.update.chat_id]

    def forget(self, number: int) -> None:
        """The end is written; an update of this number would be a new one."""
        self._known.pop(number, None)

    def clear(self) -> None:
        """Drops what nobody works on: it is stored, and will be taken again."""
        for queue in self._chats.values():
            for work in queue:
                self._known.pop(work.number, None)
        self._chats.clear()
        self._in_work.clear()
