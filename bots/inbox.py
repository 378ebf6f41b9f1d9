"""The manager's way to the durable inbox: whoever comes while a write is under way shares the next commit."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar
from uuid import UUID

import structlog

from bots.metrics import Metrics, Stopwatch
from chatai.core.database import Database, DatabaseAway
from chatai.domains.channels import inbox
from chatai.domains.channels.inbox import Key, SendBegun, Wish
from chatai.domains.channels.schemas import IncomingUpdate, StoredUpdate, UpdateMark

log = structlog.get_logger(__name__)

MOST_AT_ONCE = 500
MOST_TAKING = 50
"""Bots whose undone updates are taken at once: each may have `Tuning.loaded_updates` of them."""
MARK_RETRY_SECONDS = 1.0
MARK_LINGER_SECONDS = 0.002
"""That a message is sent and that its update is done come one right after the other: one write for both."""

T = TypeVar("T")
R = TypeVar("R")


class Batcher(Generic[T, R]):
    """Collects items while a write runs, and writes them together in the next. All of a batch get its result.

    `linger`: seconds that a write waits for company; `most`: items in one write; `withdrawable`: what nobody waits for
    any more is left out.
    """

    def __init__(
        self,
        write: Callable[[list[T]], Awaitable[R]],
        *,
        linger: float = 0.0,
        most: int = MOST_AT_ONCE,
        withdrawable: bool = False,
    ) -> None:
        self._write = write
        self._withdrawable = withdrawable
        self._linger = linger
        self._most = most
        self._waiting: list[tuple[T, asyncio.Future[R]]] = []
        self._task: asyncio.Task[None] | None = None

    async def add(self, item: T) -> R:
        """Waits until the item is written. Raises what the write raised."""
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._flush())
        return await future

    async def _flush(self) -> None:
        while self._waiting:
            if self._linger and len(self._waiting) < self._most:
                await asyncio.sleep(self._linger)
            if self._withdrawable:
                self._waiting = [waiting for waiting in self._waiting if not waiting[1].done()]
            batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
            await self._write_batch(batch)

    async def _write_batch(self, batch: list[tuple[T, asyncio.Future[R]]]) -> None:
        try:
            result = await self._write([item for item, _ in batch])
        except Exception as error:  # whatever it is belongs to those who wait for the write
            if len(batch) > 1 and not isinstance(error, DatabaseAway):
                for one in batch:  # one bad item must not fail its neighbours
                    await self._write_batch([one])
                return
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        for _, future in batch:
            if not future.done():
                future.set_result(result)


@dataclass(frozen=True, slots=True)
class _Arrival:
    """What one request or poll brought."""

    updates: Sequence[IncomingUpdate]
    offsets: Mapping[UUID, int] = field(default_factory=dict)


class Inbox:
    """Stores, marks and takes updates."""

    def __init__(self, database: Database, metrics: Metrics, most_of_a_bot: int) -> None:
        self._database = database
        self._statements = database.system_statements()
        self._metrics = metrics
        self._arrivals: Batcher[_Arrival, dict[Key, bool]] = Batcher(self._store)
        self._marks: Batcher[UpdateMark, set[Key]] = Batcher(self._mark, linger=MARK_LINGER_SECONDS)
        self._sends: Batcher[SendBegun, set[SendBegun]] = Batcher(self._begin_sends)
        self._most_of_a_bot = most_of_a_bot
        self._wishes: Batcher[Wish, dict[UUID, list[StoredUpdate]]] = Batcher(
            self._take, most=MOST_TAKING, withdrawable=True
        )

    async def store(
        self, updates: Sequence[IncomingUpdate], offsets: Mapping[UUID, int] | None = None
    ) -> list[IncomingUpdate]:
        """Stores updates and, for polled bots, the next offset. Raises: DatabaseAway.

        Returns:
            The new ones; `taken` says whether they really are: the bot may have changed hands.
        """
        fresh = await self._arrivals.add(_Arrival(updates, offsets or {}))
        new = []
        for update in updates:
            taken = fresh.get((update.bot_id, update.update_id))
            if taken is not None:
                new.append(update if update.taken == taken else replace(update, taken=taken))
        return new

    async def mark(self, mark: UpdateMark) -> bool:
        """Writes how far an update has come, however long that takes: done work must not be done again.

        False: the update has an end already, or the bot has changed hands and it is no longer ours.
        """
        while True:
            try:
                return (mark.bot_id, mark.update_id) in await self._marks.add(mark)
            except DatabaseAway:
                await asyncio.sleep(MARK_RETRY_SECONDS)

    async def begin_send(self, bot_id: UUID, update_id: int, fence: int, *, again: bool = False) -> bool:
        """Writes that a new message is about to be sent for an update. Only when it is True may it be sent.

        `again`: it was begun before, and Telegram certainly does not have it.

        False: the update is through, or the bot has changed hands. Raises: DatabaseAway.
        """
        begun = SendBegun(bot_id, update_id, fence, 0 if again else 1)
        return begun in await self._sends.add(begun)

    async def take(self, bot_id: UUID, fence: int, known: Sequence[int]) -> list[StoredUpdate]:
        """Takes a bot's oldest undone updates, save the `known` ones. Raises: DatabaseAway."""
        taken = await self._wishes.add(Wish(bot_id, fence, tuple(known)))
        return taken.get(bot_id, [])

    async def _take(self, wishes: list[Wish]) -> dict[UUID, list[StoredUpdate]]:
        return await inbox.take(self._statements, wishes, self._most_of_a_bot)

    async def _store(self, arrivals: list[_Arrival]) -> dict[Key, bool]:
        updates = [update for arrival in arrivals for update in arrival.updates]
        offsets = {bot: offset for arrival in arrivals for bot, offset in arrival.offsets.items()}
        with Stopwatch(self._metrics, "store", len(updates)):
            fresh = await self._write_arrivals(updates, offsets)
        self._metrics.duplicates.inc(len(updates) - len(fresh))
        polled = sum(bot_id in offsets for bot_id, _ in fresh)
        self._metrics.received.labels("poll").inc(polled)
        self._metrics.received.labels("post").inc(len(fresh) - polled)
        return fresh

    async def _write_arrivals(self, updates: list[IncomingUpdate], offsets: Mapping[UUID, int]) -> dict[Key, bool]:
        if offsets:  # which move exactly if the updates before them are stored
            async with self._database.system() as uow:
                fresh = await inbox.store(uow, updates, offsets)
        else:
            fresh = await inbox.store(self._statements, updates)
        others = {str(update.bot_id) for update in updates if _is_for_another(update, fresh)}
        if others:  # their managers' timers would find the updates too
            await inbox.tell_managers(self._statements, others)
        return fresh

    async def _mark(self, marks: list[UpdateMark]) -> set[Key]:
        with Stopwatch(self._metrics, "mark", len(marks)):
            return await inbox.mark(self._statements, marks)

    async def _begin_sends(self, sends: list[SendBegun]) -> set[SendBegun]:
        with Stopwatch(self._metrics, "begin_send", len(sends)):
            return await inbox.begin_sends(self._statements, sends)


def _is_for_another(update: IncomingUpdate, fresh: Mapping[Key, bool]) -> bool:
    """Whether a new update's bot is not ours, or is no longer: its manager must hear of it."""
    taken = fresh.get((update.bot_id, update.update_id))
    return taken is False and (update.taken or not update.fence)
