"""Makes what runs equal to what is wanted: at start, when PostgreSQL says that something changed, and on a timer."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine
from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from bots import memory
from bots.answer_pool import AnswerPool
from bots.events import EventLog, Level
from bots.inbox import Inbox
from bots.limits import Rates
from bots.live import LiveWriter
from bots.permits import Permits
from bots.receiving import Poller
from bots.runner import BotRunner, Means
from bots.tuning import Tuning, backoff
from bots.zygote_client import ZygoteClient, ZygoteError
from chatai.core.database import Database, DatabaseAway
from chatai.core.settings import Settings
from chatai.domains.channels import service
from chatai.domains.channels.errors import (
    BotSetupFailed,
    TelegramUnreachable,
    TokenRevoked,
    TokenUnreadable,
    WebhookRefused,
)
from chatai.domains.channels.ports import TelegramAway, TelegramRefusal, telegram
from chatai.domains.channels.schemas import BotState, LiveFigures, ManagedBot, Mode

log = structlog.get_logger(__name__)

SETUPS_AT_ONCE = 20
SETUP_RETRY = 5.0
LONGEST_SETUP_RETRY = 300.0
STATE_RETRY = 1.0
_GIVEN_UP = {"revoked", "quarantined"}
_BAD = {"failed", "revoked", "conflict", "quarantined"}


class Fleet:
    """All bots of the installation."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        inbox: Inbox,
        zygote: ZygoteClient,
        answers: AnswerPool,
        tuning: Tuning,
        manager_id: UUID,
    ) -> None:
        self._database = database
        self._settings = settings
        self._inbox = inbox
        self._answers = answers
        self._tuning = tuning
        self.events = EventLog(database)
        redis_url = settings.redis_url.get_secret_value() if settings.redis_url else None
        self.permits = Permits(Rates.of(settings), redis_url)
        self._means = Means(
            zygote, answers, inbox, settings, tuning, self.report, self.events, manager_id, self.permits
        )
        self._live = LiveWriter(database, manager_id, self._figures)
        self._runners: dict[UUID, BotRunner] = {}
        self._changed_at: dict[UUID, datetime] = {}
        self._setups: dict[UUID, asyncio.Task[None]] = {}
        self._stopping: set[asyncio.Task[None]] = set()
        self._setup_slots = asyncio.Semaphore(SETUPS_AT_ONCE)
        self._states: dict[UUID, tuple[BotState, str, str | None]] = {}
        self._reported: dict[UUID, tuple[BotState, str]] = {}
        self._state_to_write = asyncio.Event()
        self._look = asyncio.Event()
        self._warmed = False

    @property
    def runners(self) -> list[BotRunner]:
        """The bots that are wanted to run."""
        return list(self._runners.values())

    def find(self, bot_id: UUID) -> BotRunner | None:
        return self._runners.get(bot_id)

    def look_again(self) -> None:
        """Something changed in the database."""
        self._look.set()

    async def run(self) -> None:
        """Reconciles until cancelled."""
        work = (self._write_states(), self.events.run(), self._live.run(), memory.watch(lambda: self.runners))
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
                    await asyncio.wait_for(self._look.wait(), self._tuning.reconcile_interval)
        finally:
            for task in tasks:
                task.cancel()

    async def close(self) -> None:
        """Lets every worker finish what it has."""
        for setup in self._setups.values():
            setup.cancel()
        closing = [asyncio.create_task(runner.close()) for runner in self._runners.values()]
        if closing or self._stopping:
            await asyncio.wait([*closing, *self._stopping])
        await self.permits.close()
        with suppress(DatabaseAway):
            await self.events.flush()
            await self._live.clear()

    def report(self, runner: BotRunner, state: BotState, reason: str = "", last_error: str | None = None) -> None:
        """Writes how a bot is, soon. A runner that was replaced has no say any more."""
        bot_id = runner.bot.id
        if self._runners.get(bot_id) is not runner:
            return
        if state in _GIVEN_UP or (state == "failed" and reason == TokenUnreadable.code):
            log.warning("a bot is given up", bot_id=str(bot_id), state=state, reason=reason)
            self._end(bot_id)
        if self._reported.get(bot_id) == (state, reason) and last_error is None:
            return
        self._note_change(runner, state, reason, last_error)
        self._reported[bot_id] = (state, reason)
        self._states[bot_id] = (state, reason, last_error)
        self._state_to_write.set()

    def _note_change(self, runner: BotRunner, state: BotState, reason: str, last_error: str | None) -> None:
        """Into the bot's log goes what is bad, once, and that it is over."""
        before = self._reported.get(runner.bot.id, (runner.bot.state, ""))
        if state in _BAD:
            if before != (state, reason):
                level: Level = "warning" if state == "conflict" else "error"
                runner.note(level, f"bot_{state}", reason=reason, error=last_error or "")
        elif before[0] in _BAD:
            runner.note("info", "bot_recovered")

    def _figures(self) -> list[LiveFigures]:
        return [figures for runner in self._runners.values() if (figures := runner.live()) is not None]

    async def _reconcile(self) -> None:
        async with self._database.system() as uow:
            changed_at = await service.list_changes(uow)
            changed = [bot for bot, when in changed_at.items() if self._changed_at.get(bot) != when]
            bots = await service.list_managed(uow, changed) if changed else []
        for bot_id in self._changed_at.keys() - changed_at.keys():
            removed = self._runners.get(bot_id)
            self._end(bot_id)
            if removed is not None and self._settings.public_url:
                self._background(self._unhook(removed.bot))
        for bot in bots:
            self._apply(bot)
        self._changed_at = changed_at
        await self._check_inbox()

    def _apply(self, bot: ManagedBot) -> None:
        """A bot is new here, or people changed it: whatever ran of it ends, and what is wanted begins."""
        ended = self._end(bot.id)
        if bot.desired_state != "running" or bot.state in _GIVEN_UP:
            if bot.mode == "webhook" and bot.webhook_url and bot.state not in _GIVEN_UP:
                self._background(self._unhook(bot))
            return
        self._answers.start()
        if not self._warmed:
            self._warmed = True
            self._background(self._warm())
        runner = BotRunner(bot, self._means)
        self._runners[bot.id] = runner
        self._reported.pop(bot.id, None)
        setup = asyncio.create_task(self._set_up(runner, ended))
        setup.add_done_callback(lambda task: self._set_up_failed(runner, task))
        self._setups[bot.id] = setup

    def _end(self, bot_id: UUID) -> asyncio.Task[None] | None:
        """Ends what runs of a bot; the task that waits for the end."""
        setup = self._setups.pop(bot_id, None)
        if setup is not None and setup is not asyncio.current_task():
            setup.cancel()
        runner = self._runners.pop(bot_id, None)
        return self._background(runner.close()) if runner is not None else None

    def _background(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._stopping.add(task)
        task.add_done_callback(self._stopping.discard)
        return task

    async def _set_up(self, runner: BotRunner, ended: asyncio.Task[None] | None) -> None:
        """Tells Telegram where updates go, and polls where there is no webhook. Tries until it works."""
        if ended is not None:
            await asyncio.wait({ended})
        failures = 0
        while True:
            try:
                token = service.token_of(runner.bot)
                async with self._setup_slots:
                    await self._hook(runner.bot, token)
                break
            except TokenUnreadable as error:
                self.report(runner, "failed", error.code, "")
                return
            except TelegramRefusal as refusal:
                if refusal.status in {401, 404}:
                    self.report(runner, "revoked", TokenRevoked.code, refusal.description)
                    return
                code = WebhookRefused.code if refusal.status == 400 else BotSetupFailed.code
                self.report(runner, "failed", code, str(refusal))
                delay = float(refusal.retry_after)
            except TelegramAway as error:
                self.report(runner, "failed", TelegramUnreachable.code, str(error))
                delay = 0.0
            except DatabaseAway:
                delay = 0.0
            failures += 1
            await asyncio.sleep(max(delay, backoff(SETUP_RETRY, failures, LONGEST_SETUP_RETRY, random.random())))
        if runner.bot.state == "starting":
            runner.warm()  # somebody waits to see it run
        else:
            self.report(runner, "sleeping", "", None)
        if not self._settings.public_url:
            await Poller(runner, token, self._inbox, self._tuning, self.report).run()

    def _set_up_failed(self, runner: BotRunner, task: asyncio.Task[None]) -> None:
        """A fault of ours ended a bot's set-up or polling: it is told, and people can start the bot again."""
        error = None if task.cancelled() else task.exception()
        if error is not None:
            log.error("a bot cannot be run", bot_id=str(runner.bot.id), exc_info=error)
            self.report(runner, "failed", BotSetupFailed.code, type(error).__name__)

    async def _warm(self) -> None:
        """Has the zygote ready before the first message comes; without any bot it is not started at all."""
        try:
            await self._means.zygote.start()
        except ZygoteError as error:
            log.error("the zygote does not start; the first bot tries again", error=str(error))

    async def _hook(self, bot: ManagedBot, token: str) -> None:
        """Has Telegram bring the updates here, unless it does so already."""
        public = self._settings.public_url
        wanted = f"{public}/telegram/{bot.id}" if public else ""
        settled = bot.state in {"running", "sleeping", "conflict"}
        if settled and bot.webhook_url == wanted and bot.mode == ("webhook" if wanted else "polling"):
            return
        if wanted:
            await telegram().set_webhook(token, wanted, bot.webhook_secret)
        else:
            await telegram().delete_webhook(token)
        async with self._database.system() as uow:
            mode: Mode = "webhook" if wanted else "polling"
            await service.set_receiving(uow, bot.id, mode, wanted, bot.webhook_secret)

    async def _unhook(self, bot: ManagedBot) -> None:
        """Lets what people write wait at Telegram while the bot is stopped. That it fails is no harm: see Webhook."""
        with suppress(TelegramRefusal, TelegramAway, TokenUnreadable, DatabaseAway):
            await telegram().delete_webhook(service.token_of(bot))
            async with self._database.system() as uow:
                await service.set_receiving(uow, bot.id, "webhook", "", bot.webhook_secret)

    async def _check_inbox(self) -> None:
        """Wakes the bots that have undone updates which nobody works on."""
        for bot_id, number in (await self._inbox.count_waiting()).items():
            runner = self._runners.get(bot_id)
            if runner is None:
                continue
            if number > runner.known:
                runner.check_inbox()
            else:
                runner.nudge()

    async def _write_states(self) -> None:
        while True:
            await self._state_to_write.wait()
            self._state_to_write.clear()
            states, self._states = self._states, {}
            try:
                async with self._database.system() as uow:
                    for bot_id, (state, reason, last_error) in states.items():
                        await service.set_state(uow, bot_id, state, reason, last_error)
            except DatabaseAway:
                self._states = states | self._states
                await asyncio.sleep(STATE_RETRY)
                self._state_to_write.set()
            except Exception:  # a state that cannot be written is wrong on a page; the next ones still count
                log.exception("the state of bots could not be written", bots=len(states))
