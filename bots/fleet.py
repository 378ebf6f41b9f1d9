"""Makes what runs equal to what is wanted: at start, when PostgreSQL says that something changed, and on a timer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID

import structlog

from bots import memory
from bots.answer_pool import AnswerPool
from bots.events import EventLog
from bots.fairness import Share
from bots.inbox import Inbox
from bots.leases import Leases
from bots.limits import Rates
from bots.live import LiveWriter
from bots.means import Means
from bots.metrics import Metrics
from bots.permits import Permits
from bots.places import Places, most_live
from bots.runner import BotRunner
from bots.setup import Setup
from bots.states import StateWriter
from bots.tuning import Tuning
from bots.webhook_watch import WebhookWatch
from bots.zygote_client import ZygoteClient
from chatai.core.clock import now
from chatai.core.database import Database, DatabaseAway
from chatai.core.patience import within
from chatai.core.settings import Settings
from chatai.domains.channels import leases, service
from chatai.domains.channels.errors import BotSetupFailed, TokenUnreadable
from chatai.domains.channels.schemas import GIVEN_UP, BotState, LiveFigures, ManagedBot

log = structlog.get_logger(__name__)

LATE_COMMITS = timedelta(seconds=60)
"""A change may become visible so much later than its time says."""
ENDING_SECONDS = 10.0
"""So long what ends a bot may take besides its process."""
BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
WELL: frozenset[BotState] = frozenset({"starting", "running", "sleeping"})


@dataclass(frozen=True, slots=True)
class Known:
    """What was last made of a bot: under which lease, and of which change by people."""

    fence: int
    changed_at: datetime


class Fleet:
    """All bots that this manager holds."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        inbox: Inbox,
        zygote: ZygoteClient,
        answers: AnswerPool,
        tuning: Tuning,
        held: Leases,
        metrics: Metrics,
    ) -> None:
        self._database = database
        self._settings = settings
        self._answers = answers
        self._tuning = tuning
        self._leases = held
        self.events = EventLog(database)
        self._states = StateWriter(database)
        redis_url = settings.redis_url.get_secret_value() if settings.redis_url else None
        self.permits = Permits(Rates.of(settings), redis_url)
        self.share = Share.of(tuning)
        self._means = Means(
            zygote,
            answers,
            inbox,
            settings,
            tuning,
            self.report,
            self.events,
            held.seat.id,
            self.permits,
            self.share,
            metrics,
            Places(most_live(settings.bot_live_most)),
        )
        self._live = LiveWriter(database, held.seat.id, lambda: list(self._runners), self._figures)
        self._runners: dict[UUID, BotRunner] = {}
        self._known: dict[UUID, Known] = {}
        self._given_up: dict[UUID, BotState] = {}
        self._waiting: set[UUID] = set()
        self._parting: set[UUID] = set()
        self._hinted: set[UUID] = set()
        self._looked_at = BEGINNING
        self._all_looked_at = 0.0
        self._setups: dict[UUID, asyncio.Task[None]] = {}
        self._endings: dict[UUID, asyncio.Task[None]] = {}
        self._stopping: set[asyncio.Task[None]] = set()
        self._setup = Setup(database, settings, inbox, self.share, tuning, self.report)
        self.ended = 0
        """So many runs of bots have ended."""
        self.webhooks = WebhookWatch(database, settings, self.report, self._is_set_up)
        self._look = asyncio.Event()
        self._warmed = False
        self._closing = False

    @property
    def runners(self) -> list[BotRunner]:
        """The bots that are wanted to run."""
        return list(self._runners.values())

    def find(self, bot_id: UUID) -> BotRunner | None:
        return self._runners.get(bot_id)

    def look_again(self, bot_id: UUID | None = None) -> None:
        """Something changed in the database: this bot, or who knows what."""
        if bot_id is not None:
            self._hinted.add(bot_id)
        self._look.set()

    def state_of(self, bot_id: UUID) -> str:
        """What was said last of a bot that is wanted to run."""
        if said := self._states.last(bot_id):
            return said
        runner = self._runners.get(bot_id)
        return "conflict" if runner is not None and self.webhooks.holds(runner) else "starting"

    @property
    def given_up(self) -> list[BotState]:
        """The states of the bots that are held and wanted, and not tried any more."""
        return list(self._given_up.values())

    def check_inbox(self, bot_id: UUID) -> None:
        """Another manager stored an update of this bot."""
        runner = self._runners.get(bot_id)
        if runner is not None:
            runner.check_inbox()

    async def run(self) -> None:
        """Reconciles until cancelled."""
        webhooks = self.webhooks.run(lambda: self.runners)
        work = (self._states.run(), self.events.run(), self._live.run(), memory.watch(lambda: self.runners), webhooks)
        tasks = [asyncio.create_task(one) for one in work]
        try:
            while True:
                self._look.clear()
                try:
                    await self._reconcile()
                except DatabaseAway:
                    log.warning("the database is away; bots go on with what they have")
                except Exception:  # the bots that run must go on, and the next look may go better
                    log.exception("what should run could not be found out")
                with suppress(TimeoutError):
                    await within(self._tuning.reconcile_interval, self._look.wait())
        finally:
            for task in tasks:
                task.cancel()

    async def close(self) -> None:
        """Lets every worker finish what it has."""
        self._closing = True
        for setup in self._setups.values():
            setup.cancel()
        work = {asyncio.create_task(runner.close()) for runner in self._runners.values()} | self._stopping
        if work:
            # Each has its own patience; what waits for a database that is away is not waited for.
            _, late = await asyncio.wait(work, timeout=self._tuning.drain_patience + ENDING_SECONDS)
            for task in late:
                task.cancel()
        await self.permits.close()
        with suppress(DatabaseAway):
            await self._states.flush()
            await self.events.flush()
            await self._live.clear()

    def report(self, runner: BotRunner, state: BotState, reason: str = "", last_error: str | None = None) -> None:
        """Writes how a bot is, soon. A runner that was replaced has no say any more."""
        bot_id = runner.bot.id
        if self._runners.get(bot_id) is not runner:
            return
        if state in WELL and (runner.receives_nothing or self.webhooks.holds(runner)):
            return  # however its process is
        if state in GIVEN_UP or (state == "failed" and reason == TokenUnreadable.code):
            log.warning("a bot is given up", bot_id=str(bot_id), state=state, reason=reason)
            self._given_up[bot_id] = state
            self._end(bot_id)
        self._states.say(runner, state, reason, last_error)

    # What the leases ask of their keeper (see `leases.Keeper`).

    def leases_changed(self) -> None:
        self._look.set()

    def let_go(self) -> None:
        for bot_id in {*self._runners, *self._setups}:
            if (runner := self._runners.get(bot_id)) is not None:
                runner.abandon()
            self._end(bot_id)  # also one that waits to begin
        self._known.clear()
        self._given_up.clear()
        self._states.drop(lambda _: False)
        self._look.set()

    async def hand_over(self, bot_ids: list[UUID]) -> None:
        self._parting.update(bot_ids)
        ending = [task for bot_id in bot_ids if (task := self._end(bot_id)) is not None]
        if ending:
            await asyncio.wait(ending)
        with suppress(DatabaseAway):
            await self._states.flush()

    def handed_over(self, bot_ids: list[UUID]) -> None:
        self._parting.difference_update(bot_ids)
        for bot_id in bot_ids:
            self._known.pop(bot_id, None)
            self._given_up.pop(bot_id, None)
        self._look.set()

    def most_idle(self, bot_ids: Iterable[UUID]) -> list[UUID]:
        def busy(bot_id: UUID) -> tuple[bool, int]:
            runner = self._runners.get(bot_id)
            return (runner is not None and runner.worker is not None, runner.known if runner is not None else 0)

        return sorted(bot_ids, key=busy)

    def _figures(self, bot_id: UUID) -> LiveFigures | None:
        runner = self._runners.get(bot_id)
        return runner.live() if runner is not None else None

    async def _reconcile(self) -> None:
        """Makes what runs equal to what is held and wanted. Costs by what changed, not by how many bots there are."""
        held = {bot_id: fence for bot_id, fence in self._leases.held.items() if bot_id not in self._parting}
        lost = {bot_id for bot_id, known in self._known.items() if held.get(bot_id) != known.fence}
        fresh = {bot_id for bot_id in held if bot_id not in self._known or bot_id in lost}
        hinted, self._hinted = self._hinted & held.keys(), set()
        moment, began, since = now(), time.monotonic(), self._looked_at - LATE_COMMITS
        if began - self._all_looked_at > self._tuning.full_look_interval:
            since = BEGINNING
        try:
            async with self._database.system() as uow:
                changed_at = await leases.list_changes(uow, self._leases.seat.id, since)
                changed = {bot_id for bot_id, when in changed_at.items() if self._is_news(bot_id, when)}
                wanted = changed | fresh | hinted | lost
                bots = {bot.id: bot for bot in await service.list_managed(uow, list(wanted))} if wanted else {}
        except BaseException:
            self._hinted |= hinted
            raise
        if not self._leases.valid and held:
            return  # the time ran out meanwhile
        for bot_id in lost:
            self._lose(bot_id, exists=bot_id in bots)
        for bot_id in hinted - bots.keys():
            if bot_id in self._known:
                self._lose(bot_id, exists=False)
        for bot_id, bot in bots.items():
            fence = self._leases.held.get(bot_id)
            if fence is None or bot_id in self._parting or not self._is_news(bot_id, bot.updated_at):
                continue
            self._known[bot_id] = Known(fence, bot.updated_at)
            self._apply(bot, fence)
        self._looked_at = moment
        if since is BEGINNING:
            self._all_looked_at = began
        await self._check_inbox()

    def _is_news(self, bot_id: UUID, changed_at: datetime) -> bool:
        known = self._known.get(bot_id)
        return known is None or known.changed_at != changed_at

    def _lose(self, bot_id: UUID, *, exists: bool) -> None:
        """A bot is gone, or another manager has it."""
        self._known.pop(bot_id, None)
        self._given_up.pop(bot_id, None)
        self._states.forget(bot_id)
        runner = self._runners.get(bot_id)
        if runner is not None and exists:
            runner.abandon()
        self._end(bot_id)
        if runner is not None and not exists and self._settings.public_url:
            self._background(self._setup.unhook(runner.bot))

    def _apply(self, bot: ManagedBot, fence: int) -> None:
        """A bot is new here, or people changed it: whatever ran of it ends, and what is wanted begins."""
        self._end(bot.id)
        self._given_up.pop(bot.id, None)
        if self._closing:
            return
        if bot.desired_state != "running" or bot.state in GIVEN_UP:
            if bot.mode == "webhook" and bot.webhook_url and bot.state not in GIVEN_UP:
                self._background(self._setup.unhook(bot))
            if bot.desired_state == "running":
                self._given_up[bot.id] = cast(BotState, bot.state)
            return
        self._answers.start()
        if not self._warmed:
            self._warmed = True
            self._background(self._warm())
        ending = self._endings.get(bot.id)
        if ending is None:
            self._begin(bot, fence)
        else:
            self._setups[bot.id] = asyncio.create_task(self._begin_after(ending, bot, fence))

    async def _begin_after(self, ending: asyncio.Task[None], bot: ManagedBot, fence: int) -> None:
        """What the bot's last process has answered must be written first, or it would be answered again."""
        await asyncio.wait({ending})
        if self._leases.held.get(bot.id) != fence:
            return  # another manager has it meanwhile
        self._begin(bot, fence)
        self._look.set()  # for what came meanwhile

    def _begin(self, bot: ManagedBot, fence: int) -> None:
        runner = BotRunner(bot, self._means, fence)
        self._runners[bot.id] = runner
        self._states.forget(bot.id)
        setup = asyncio.create_task(self._setup.run(runner))
        setup.add_done_callback(lambda task: self._set_up_failed(runner, task))
        self._setups[bot.id] = setup

    def _is_set_up(self, runner: BotRunner) -> bool:
        """Whether the bot runs here and Telegram was told where to bring its updates."""
        setup = self._setups.get(runner.bot.id)
        if self._runners.get(runner.bot.id) is not runner or setup is None or not setup.done():
            return False
        return not setup.cancelled() and setup.exception() is None

    def _end(self, bot_id: UUID) -> asyncio.Task[None] | None:
        """Ends what runs of a bot; the task that waits for the end."""
        setup = self._setups.pop(bot_id, None)
        if setup is not None and setup is not asyncio.current_task():
            setup.cancel()
        runner = self._runners.pop(bot_id, None)
        if runner is not None:
            self.ended += 1
            task = self._background(self._finish(runner, self._endings.get(bot_id)))
            self._endings[bot_id] = task
            task.add_done_callback(lambda ended: self._ended(bot_id, ended))
        return self._endings.get(bot_id)

    async def _finish(self, runner: BotRunner, earlier: asyncio.Task[None] | None) -> None:
        await runner.close()
        if not self._closing:
            await runner.written()
        if earlier is not None:
            await asyncio.wait({earlier})

    def _ended(self, bot_id: UUID, task: asyncio.Task[None]) -> None:
        if self._endings.get(bot_id) is task:
            del self._endings[bot_id]

    def _background(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._stopping.add(task)
        task.add_done_callback(self._stopping.discard)
        return task

    def _set_up_failed(self, runner: BotRunner, task: asyncio.Task[None]) -> None:
        """A fault of ours ended a bot's set-up or polling: it is told, and people can start the bot again."""
        error = None if task.cancelled() else task.exception()
        if error is not None:
            log.error("a bot cannot be run", bot_id=str(runner.bot.id), exc_info=error)
            self.report(runner, "failed", BotSetupFailed.code, type(error).__name__)

    async def _warm(self) -> None:
        """Has the zygote and the answer processes ready before the first message comes, side by side; without any bot
        they are not started at all."""
        self._answers.start()
        await self._means.zygote.warm()

    async def _check_inbox(self) -> None:
        """Counts what waits, and wakes the bots that have undone updates which nobody works on."""
        async with self._database.system() as uow:
            waiting = await leases.count_waiting(uow, self._leases.seat.id)
        for bot_id in waiting.keys() | self._waiting:  # those too that had some at the last look
            runner = self._runners.get(bot_id)
            if runner is not None:
                runner.looked(waiting.get(bot_id))
        self._waiting = set(waiting)
