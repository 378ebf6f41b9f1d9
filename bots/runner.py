"""One bot at the manager: its queue, and the worker process that empties it.

A bot without work has no process. The first update wakes it: the zygote forks a worker, which leaves after a quiet
time. When it crashes, what it worked on goes back into the queue, and the next one waits longer with each crash.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import structlog

from bots.answer_pool import AnswerPool
from bots.inbox import Inbox
from bots.queue import ChatQueues, Work
from bots.tuning import Tuning, backoff
from bots.wire import Message, WireError
from bots.zygote_client import WorkerProcess, ZygoteClient, ZygoteError
from chatai.core.database import DatabaseAway
from chatai.core.settings import Settings
from chatai.domains.channels.errors import BotCrashes, TokenRevoked, TokenUnreadable
from chatai.domains.channels.schemas import BotState, IncomingUpdate, ManagedBot, StoredUpdate, UpdateMark, UpdateState
from chatai.domains.channels.service import token_of

log = structlog.get_logger(__name__)

# Exit code → what happened, in words for `last_error`. See bots.worker.
_EXITS = {-9: "the process was killed", -11: "the process crashed", 71: "out of memory", 72: "the process failed"}

Report = Callable[["BotRunner", BotState, str, str | None], None]
"""(runner, state, code of the reason, last error) – told of each change."""


@dataclass(frozen=True, slots=True)
class Means:
    """What all runners share."""

    zygote: ZygoteClient
    answers: AnswerPool
    inbox: Inbox
    settings: Settings
    tuning: Tuning
    report: Report


class BotRunner:
    """Answers one bot's updates for as long as it is wanted."""

    def __init__(self, bot: ManagedBot, means: Means) -> None:
        self.bot = bot
        self.worker: WorkerProcess | None = None
        self.restarts = 0
        self.answered = 0
        self._means = means
        self._queues = ChatQueues(means.tuning.parallel_chats)
        self._behind = False
        self._wanted_awake = False
        self._closed = False
        self._ready = False
        self._leaving = False
        self._hung = False
        self._task: asyncio.Task[None] | None = None
        self._marks: set[asyncio.Task[None]] = set()
        self._asks: dict[int, int] = {}
        self._crashes: deque[float] = deque()
        self._last_active = 0.0
        self._pong = 0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def known(self) -> int:
        """How many undone updates are held here."""
        return len(self._queues)

    @property
    def takes_directly(self) -> bool:
        """Whether fresh updates may come straight from the ingest; else they wait in PostgreSQL for their turn."""
        return not self._behind and not self._closed and len(self._queues) < self._means.tuning.loaded_updates

    def offer(self, updates: list[IncomingUpdate]) -> None:
        """Fresh updates are stored. Those marked as taken are worked on from here; the others are fetched later."""
        for update in updates:
            if update.taken and not self._closed:
                self._queues.add(StoredUpdate(self.bot.id, update.update_id, update.chat_id, update.payload, 1, []))
            else:
                self._behind = True
        self._awake()

    def check_inbox(self) -> None:
        """There are undone updates that nobody works on."""
        self._behind = True
        self._awake()

    def nudge(self) -> None:
        """Goes on with what is held here, if that came to a halt."""
        self._awake()

    def warm(self) -> None:
        """Starts the bot's process although there is nothing to do yet."""
        self._wanted_awake = True
        self._awake()

    async def close(self) -> None:
        """Lets the worker finish what it has, and ends it. What is undone stays in the inbox."""
        self._closed = True
        if self._task is not None:
            if self.worker is not None:
                self._leave(self.worker)
                await asyncio.wait({self._task}, timeout=self._means.tuning.drain_patience)
            self._task.cancel()
            await asyncio.wait({self._task})
        if self._marks:
            await asyncio.wait(self._marks, timeout=2)

    def _awake(self) -> None:
        if self._task is None or self._task.done():
            if not self._closed:
                self._task = asyncio.create_task(self._run())
                self._task.add_done_callback(self._ended)
        elif self.worker is not None:
            self._pump(self.worker)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A fault of ours is told; the updates are still there, and the fleet's timer has them taken up again."""
        error = None if task.cancelled() else task.exception()
        if error is not None:
            log.error("a bot's runner failed", bot_id=str(self.bot.id), exc_info=error)
            self._queues.clear()

    async def _run(self) -> None:
        """Has a worker for as long as there is work, and for a quiet time after it."""
        while not self._closed and (self._behind or self._queues.waiting or self._wanted_awake):
            self._wanted_awake = False
            try:
                await self._load()
                worker = await self._means.zygote.spawn()
            except DatabaseAway:
                return  # the fleet's timer comes back to it
            except ZygoteError as error:
                await self._crashed(str(error))
                continue
            try:
                status = await self._employ(worker)
            except TokenUnreadable as error:
                self._means.zygote.kill(worker)
                self._closed = True
                self._tell("failed", error.code)
                return
            self._take_back()
            if status == 0 or self._closed:
                continue
            self.restarts += 1
            why = _EXITS.get(status, f"the process ended with status {status}")
            await self._crashed("the process did not answer" if self._hung else why)
        if not self._closed:
            self._tell("sleeping")

    async def _crashed(self, why: str) -> None:
        """Counts a crash and waits before the next try, or gives the bot up."""
        tuning, now = self._means.tuning, time.monotonic()
        self._crashes.append(now)
        while self._crashes[0] < now - tuning.crash_window:
            self._crashes.popleft()
        log.warning("a bot's process ended", bot_id=str(self.bot.id), why=why, crashes=len(self._crashes))
        if len(self._crashes) > tuning.crashes_allowed:
            self._closed = True
            self._tell("quarantined", BotCrashes.code, why)
            return
        self._tell("starting", "", why)
        await asyncio.sleep(backoff(tuning.crash_delay, len(self._crashes), 60.0, random.random()))

    async def _employ(self, worker: WorkerProcess) -> int:
        """Serves a worker from its start to its end; its exit code."""
        self.worker, self._ready, self._leaving, self._hung = worker, False, False, False
        self._last_active = time.monotonic()
        watch = asyncio.create_task(self._watch(worker))
        try:
            settings, bot = self._means.settings, self.bot
            config = {
                "bot": str(bot.id),
                "token": token_of(bot),
                "api": settings.telegram_api_url,
                "telegram_id": bot.telegram_id,
                "username": bot.username,
                "language": settings.default_language,
                "memory_mb": settings.bot_memory_mb,
            }
            worker.wire.send({"type": "start", "bot": config})
            while (message := await worker.wire.receive()) is not None:
                await self._take(message, worker)
        except WireError as error:
            log.error("a worker is not understood", bot_id=str(self.bot.id), error=str(error))
        finally:
            watch.cancel()
            self.worker = None
            if self._timer is not None:
                self._timer.cancel()
            for number in self._asks.values():
                self._means.answers.cancel(number)
            self._asks.clear()
            await worker.wire.close()
        try:
            return await asyncio.wait_for(asyncio.shield(worker.exited), 2)
        except TimeoutError:
            self._means.zygote.kill(worker)
            return await worker.exited

    async def _take(self, message: Message, worker: WorkerProcess) -> None:
        self._last_active = time.monotonic() if message["type"] != "pong" else self._last_active
        match message["type"]:
            case "ready":
                self._ready = True
                self._tell("running")
                self._pump(worker)
            case "ask":
                self._ask(message, worker)
            case "cancel":
                number = self._asks.pop(message["ask"], None)
                if number is not None:
                    self._means.answers.cancel(number)
            case "sent":
                work = self._queues.find(message["update"])
                if work is not None:
                    work.update.replies = [int(number) for number in message["messages"]]
                    self._mark(work, "taken")
            case "done":
                work = self._queues.find(message["update"])
                if work is not None:
                    self._settle(work, "failed" if message["error"] else "done", message["error"])
            case "failed":
                work = self._queues.find(message["update"])
                if work is not None:
                    self._retry(work, message["error"], blame=message["blame"])
            case "revoked":
                self._closed = True
                self._tell("revoked", TokenRevoked.code, message["reason"])
                self._means.zygote.kill(worker)
            case "log":
                log.log(
                    {"error": 40, "warning": 30}.get(message["level"], 20),
                    message["event"],
                    bot_id=str(self.bot.id),
                    **{f"worker_{key}": str(value) for key, value in message["fields"].items()},
                )
            case "pong":
                self._pong = int(message["beat"])
        if self._behind and len(self._queues) < self._means.tuning.loaded_updates // 4:
            with suppress(DatabaseAway):  # the fleet's timer comes back to it
                await self._load()
                self._pump(worker)

    def _pump(self, worker: WorkerProcess) -> None:
        """Gives the worker what it may work on."""
        if not self._ready or self._leaving or self._closed:
            return
        now = time.monotonic()
        for work in self._queues.ready(now):
            update = work.update
            self._last_active = now
            last = update.attempts >= self._means.tuning.tries
            order = {"type": "update", "update": work.number, "payload": update.payload}
            worker.wire.send({**order, "replies": update.replies, "last": last})
        later = self._queues.next_time()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if later is not None and later > now:
            self._timer = asyncio.get_running_loop().call_later(later - now + 0.01, self._pump, worker)

    def _ask(self, message: Message, worker: WorkerProcess) -> None:
        """Passes a question on, bound to this bot: a worker can ask for no other."""
        asked = message["ask"]

        def deliver(event: Message) -> None:
            if event["event"] != "delta":
                self._asks.pop(asked, None)
            self._last_active = time.monotonic()
            worker.wire.send({**event, "ask": asked})

        bound = {
            "type": "ask",
            "bot": str(self.bot.id),
            "workspace": str(self.bot.workspace_id),
            "assistant": str(self.bot.assistant_id),
        }
        number = self._means.answers.ask({**message, **bound}, deliver)
        self._asks[asked] = number

    def _settle(self, work: Work, state: UpdateState, error: str = "") -> None:
        """The update is through: its chat goes on, and that it is through is written."""
        self._queues.settle(work)
        self.answered += 1
        self._mark(work, state, error, then_forget=True)
        if self.worker is not None:
            self._pump(self.worker)

    def _retry(self, work: Work, error: str, *, blame: bool, crashed: bool = False) -> None:
        """The update waits for another try, or is set aside when it had enough of them."""
        tuning = self._means.tuning
        work.suspect = work.suspect or crashed
        work.failures += 1
        if blame and work.update.attempts >= tuning.tries:
            log.error("an update is set aside", bot_id=str(self.bot.id), update=work.number, error=error)
            self._settle(work, "set_aside", error)
            return
        delay = backoff(tuning.retry_delay, work.failures, tuning.longest_retry_delay, random.random())
        work.update.attempts += blame
        self._queues.put_back(work, time.monotonic() + (0 if crashed else delay))
        self._mark(work, "taken", error)
        if self.worker is not None:
            self._pump(self.worker)

    def _take_back(self) -> None:
        """The worker is gone: what it had goes back into the queue."""
        for work in self._queues.in_work:
            self._retry(work, "the bot's process ended while it was answered", blame=True, crashed=True)

    def _mark(self, work: Work, state: UpdateState, error: str = "", *, then_forget: bool = False) -> None:
        update = work.update
        mark = UpdateMark(update.bot_id, update.update_id, state, update.attempts, tuple(update.replies), error)

        async def write() -> None:
            await self._means.inbox.mark(mark)
            if then_forget:
                self._queues.forget(mark.update_id)

        task = asyncio.create_task(write())
        self._marks.add(task)
        task.add_done_callback(self._marks.discard)

    async def _load(self) -> None:
        """Fills the queue from the inbox if there may be more in it."""
        if not self._behind:
            return
        most = self._means.tuning.loaded_updates
        taken = await self._means.inbox.take(self.bot.id, self._queues.known, most)
        for update in taken:
            self._queues.add(update)
        self._behind = len(taken) == most

    async def _watch(self, worker: WorkerProcess) -> None:
        """Ends a worker that hangs, and lets one go that has nothing to do."""
        tuning, idle = self._means.tuning, self._means.settings.bot_idle_seconds
        beat, asked_at = 0, time.monotonic()
        self._pong = 0
        while True:
            await asyncio.sleep(min(tuning.ping_interval, tuning.pong_patience, idle) / 2)
            now = time.monotonic()
            if not self._ready:
                late = now - asked_at > tuning.start_patience
            else:
                late = self._pong < beat and now - asked_at > tuning.pong_patience
            if late:
                log.error("a bot's process hangs and is killed", bot_id=str(self.bot.id), pid=worker.pid)
                self._hung = True
                self._means.zygote.kill(worker)
                return
            if self._ready and self._pong == beat and now - asked_at >= tuning.ping_interval:
                beat, asked_at = beat + 1, now
                worker.wire.send({"type": "ping", "beat": beat})
            if self._ready and not self._leaving and not self._queues and now - self._last_active >= idle:
                self._leave(worker)

    def _leave(self, worker: WorkerProcess) -> None:
        self._leaving = True
        worker.wire.send({"type": "stop"})

    def _tell(self, state: BotState, reason: str = "", last_error: str | None = None) -> None:
        self._means.report(self, state, reason, last_error)
