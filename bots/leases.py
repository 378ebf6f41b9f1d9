"""Which bots this manager holds, among all managers of the installation.

Every few seconds it says that it is there, takes what is free and its to take, and hands over what is above its share.
Without word from PostgreSQL it counts on nothing longer than its time lasts: then others may have its bots, and it
lets go of all of them at once, before it asks again. A process that was stopped and goes on finds its time over too:
the clock went on meanwhile.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Protocol
from uuid import UUID

import structlog

from bots.tuning import Tuning
from chatai.core.database import Database, DatabaseAway
from chatai.core.patience import within
from chatai.domains.channels import leases
from chatai.domains.channels.leases import Seat, Shares, Standing, shard_of

log = structlog.get_logger(__name__)

RETRY_SECONDS = 1.0
LEAST_PAUSE = 0.2
"""Many bots that are added at once are taken at once."""
SPREAD_SECONDS = 30.0
"""How the bots are spread is looked at when something changed, and at least so often."""
MARGIN_SECONDS = 1.0
"""So much earlier than for the others is the time over for ourselves."""


class Keeper(Protocol):
    """Who runs the bots that are held."""

    def leases_changed(self) -> None:
        """`Leases.held` is another one."""

    def let_go(self) -> None:
        """The time is over: whatever runs must end now, and nothing more be begun."""

    async def hand_over(self, bot_ids: list[UUID]) -> None:
        """Bots go to other managers: ends when nothing runs of them any more. Nothing more of them is begun."""

    def handed_over(self, bot_ids: list[UUID]) -> None:
        """That is over. Those that are held nevertheless are to run again."""

    def most_idle(self, bot_ids: Iterable[UUID]) -> list[UUID]:
        """The bots, those first whose leaving disturbs least."""


class Leases:
    """What is held, for how long that is certain.

    Args:
        database: Its own small one: a busy pool must not make it late.
        seat: This manager.
        tuning: How long a lease lasts.
        predecessor: A manager that is known to be dead, whose bots need not wait until its time is over.
    """

    def __init__(self, database: Database, seat: Seat, tuning: Tuning, predecessor: UUID | None = None) -> None:
        self.seat = seat
        self.held: dict[UUID, int] = {}
        """Bot → the fence of its lease. Empty once the time is over."""
        self.away = False
        """Whether PostgreSQL could not be reached at the last turn."""
        self.lapses = 0
        """How often the time was over before PostgreSQL could be told that we are there."""
        self._database = database
        self._tuning = tuning
        self._predecessor = predecessor
        self._valid_until = 0.0
        self._managers: frozenset[UUID] = frozenset()
        self._unsettled_until = 0.0
        self._spread_at = 0.0
        self._look = asyncio.Event()
        self._handing_over: asyncio.Task[None] | None = None

    @property
    def managers(self) -> int:
        """How many managers there were at the last turn."""
        return len(self._managers)

    @property
    def valid(self) -> bool:
        """Whether what is held is ours for certain."""
        return time.monotonic() < self._valid_until

    def look_again(self) -> None:
        """There may be bots to take."""
        self._spread_at = 0.0
        self._look.set()

    async def run(self, keeper: Keeper) -> None:
        """Until cancelled."""
        watchdog = asyncio.create_task(self._watch(keeper))
        try:
            while True:
                self._look.clear()
                pause = self._tuning.lease_renewal
                try:
                    await self._turn(keeper)
                    self.away = False
                except DatabaseAway:
                    self.away = True
                    pause = min(pause, RETRY_SECONDS)
                except Exception:  # the next turn may go better, and without turns all bots are lost
                    log.exception("the leases of bots could not be seen to")
                    pause = min(pause, RETRY_SECONDS)
                await asyncio.sleep(min(LEAST_PAUSE, pause))
                with suppress(TimeoutError):
                    await within(pause, self._look.wait())
        finally:
            watchdog.cancel()
            if self._handing_over is not None:
                self._handing_over.cancel()

    async def leave(self) -> None:
        """Lets others have everything at once. Nothing may run any more. Raises: DatabaseAway."""
        self._valid_until = 0.0
        self.held = {}
        async with self._database.system() as uow:
            await leases.leave(uow, self.seat.id)

    async def close(self) -> None:
        await self._database.close()

    async def _turn(self, keeper: Keeper) -> None:
        asked = time.monotonic()
        async with self._database.system() as uow:
            if self._predecessor is not None:
                await leases.leave(uow, self._predecessor)
            standing, managers = await leases.renew(uow, self.seat, self._tuning.lease_seconds)
            held = self.held
            if standing != Standing.of(self.held.values()):
                held = await leases.list_held(uow, self.seat.id)
        self._predecessor = None
        self._valid_until = asked + self._tuning.lease_seconds - MARGIN_SECONDS
        if held is not self.held:
            self.held = held
            keeper.leases_changed()
        if managers != self._managers:
            self._managers = managers
            self._unsettled_until = asked + 2 * self._tuning.settled_seconds
        if asked < self._unsettled_until or asked - self._spread_at > SPREAD_SECONDS:
            self._spread_at = asked
            try:
                await self._spread(keeper)
            except BaseException:
                self._spread_at = 0.0
                raise

    async def _spread(self, keeper: Keeper) -> None:
        """Takes what is free, or hands over what is too much. It counts all bots, so it is not done at each turn."""
        async with self._database.system() as uow:
            shares = await leases.count_shares(uow, self.seat, self._tuning.settled_seconds)
        if shares.own_room or shares.orphan_room:
            async with self._database.system() as uow:
                claimed = await leases.claim(uow, self.seat, self._tuning.settled_seconds)
            if claimed:
                self.held = self.held | claimed
                log.info("bots are taken", number=len(claimed), held=len(self.held), managers=shares.managers)
                keeper.leases_changed()
        elif shares.own_excess or shares.orphan_excess or shares.others_held:
            await self._hand_over(shares, keeper)

    async def _hand_over(self, shares: Shares, keeper: Keeper) -> None:
        """Lets go of what is above the share, beside the renewals: bots may take a while to finish what they have."""
        if self._handing_over is not None and not self._handing_over.done():
            return
        async with self._database.system() as uow:
            classes = await leases.list_classes(uow)
        own, orphans, others = [], [], []
        for bot_id in self.held:
            if shard_of(bot_id, self.seat.shards) == self.seat.shard:
                own.append(bot_id)
            elif any(shard_of(bot_id, shards) == shard for shard, shards in classes):
                others.append(bot_id)
            else:
                orphans.append(bot_id)
        parting = others
        for bots, excess in ((own, shares.own_excess), (orphans, shares.orphan_excess)):
            parting += keeper.most_idle(bots)[:excess] if excess else []
        if parting:
            log.info("bots are handed over", number=len(parting), held=len(self.held), managers=shares.managers)
            self._handing_over = asyncio.create_task(self._part_from(parting, keeper))

    async def _part_from(self, bot_ids: list[UUID], keeper: Keeper) -> None:
        try:
            await keeper.hand_over(bot_ids)
            async with self._database.system() as uow:
                await leases.release(uow, self.seat.id, bot_ids)
        except DatabaseAway:
            log.warning("bots could not be handed over; they stay here", number=len(bot_ids))
        else:
            for bot_id in bot_ids:
                self.held.pop(bot_id, None)
        finally:
            keeper.handed_over(bot_ids)

    async def _watch(self, keeper: Keeper) -> None:
        """Apart from the turns, which may hang in the network."""
        while True:
            left = self._valid_until - time.monotonic()
            if left > 0:
                await asyncio.sleep(left + 0.01)
                continue
            if self.held:
                log.error("the time of the leases is over; all bots are let go", bots=len(self.held))
                self.lapses += 1
                self.held = {}
                keeper.let_go()
            await asyncio.sleep(LEAST_PAUSE)
