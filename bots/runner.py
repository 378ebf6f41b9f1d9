"""One bot at the manager: its queue of updates, what its worker process asks for, and how each update ends.

A bot without work has no process: the first update wakes it (see `process`). What a process worked on when it ended
goes back into the queue.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from contextlib import suppress

import structlog

from bots import incoming
from bots.backlog import Backlog
from bots.charge import Keep
from bots.events import Level
from bots.fairness import Stride
from bots.gate import Gate
from bots.live import Figures
from bots.marks import Marks
from bots.means import Means
from bots.process import BotProcess
from bots.questions import Questions
from bots.queue import ChatQueues, Work
from bots.tuning import backoff
from bots.wire import Message
from bots.zygote_handle import WorkerProcess
from chatai import wiring
from chatai.core.database import DatabaseAway
from chatai.domains.channels.errors import TokenRevoked
from chatai.domains.channels.leases import Waiting
from chatai.domains.channels.schemas import (
    BotState,
    IncomingUpdate,
    LiveFigures,
    ManagedBot,
    StoredUpdate,
    UpdateState,
)
from chatai.domains.channels.service import token_of

log = structlog.get_logger(__name__)

LAST_MARKS_SECONDS = 2.0
MOST_MESSAGES = 500
"""Of one answer: far more than its text can fill."""
LONGEST_ERROR = 2000
_UNASKED_ENDS = {"process_ended", "process_hung", "process_deaf", "process_babbled", "memory_exceeded"}

Report = Callable[["BotRunner", BotState, str, str | None], None]
"""(runner, state, code of the reason, last error) – told of each change."""


class BotRunner:
    """Answers one bot's updates for as long as it is wanted."""

    def __init__(self, bot: ManagedBot, means: Means, fence: int = 0) -> None:
        self.bot = bot
        self.fence = fence
        """Of the lease under which the bot is held here."""
        self.condition: tuple[BotState, str] = ("sleeping", "")
        """How its process fares, with the code of the reason: what counts when Telegram makes no trouble any more."""
        self.receives_nothing = False
        """Its poller has told why, which counts for more than how its process fares."""
        self.figures = Figures(means.metrics)
        self._means = means
        keep = Keep(means.settings.bot_idle_seconds, means.settings.bot_memory_mb, bot.always_on)
        self._process = BotProcess(bot.id, self, means.zygote, means.tuning, keep, means.places)
        stride = Stride(means.share, bot.id, means.tuning.begun_at_once)
        self._queues = ChatQueues(means.tuning.parallel_chats, stride)
        self.backlog = Backlog(self._queues)
        self._gate = Gate(bot.id, means.permits, means.inbox, self._queues, self.figures, self)
        self._sent = 0
        """Messages that Telegram took from this bot."""
        self._marks = Marks(means.inbox)
        self._questions = Questions(bot, means.answers, self._process.touch)
        self._timer: asyncio.TimerHandle | None = None

    @property
    def worker(self) -> WorkerProcess | None:
        """The bot's process, if it has one."""
        return self._process.worker

    @property
    def restarts(self) -> int:
        """How often its process ended without having been told to."""
        return self._process.restarts

    @property
    def known(self) -> int:
        """How many undone updates are held in memory, and those whose end is not written yet."""
        return len(self._queues)

    @property
    def pid(self) -> int | None:
        """Of the bot's process, if it has one."""
        return self.worker.pid if self.worker is not None else None

    def weighed(self, pid: int, kilobytes: int) -> None:
        """The process takes so much memory of its own."""
        if pid == self.pid:
            self.figures.weighed(kilobytes)
            self._process.weighed(kilobytes)

    def live(self) -> LiveFigures | None:
        """How the bot fares; None while there is nothing to tell."""
        waiting, in_work = self.backlog.waiting, len(self._queues.in_work)
        has_done = self._queues or self.restarts or self.figures.last_update_at is not None
        if self.pid is None and not waiting and not has_done:
            return None
        oldest = self.backlog.oldest_seconds
        return self.figures.live(self.bot.id, self._means.manager_id, self.pid, self.restarts, waiting, in_work, oldest)

    @property
    def takes_directly(self) -> bool:
        """Whether fresh updates may come straight from the ingest; else they wait in PostgreSQL for their turn."""
        backlog, most = self.backlog, self._means.tuning.loaded_updates
        waiting_first = backlog.behind or backlog.loading or len(self._queues) >= most
        return not waiting_first and not self._process.closed

    def offer(self, updates: list[IncomingUpdate]) -> None:
        """Fresh updates are stored. Those marked as taken are worked on from here; the others are fetched later."""
        if updates:
            self.figures.received()
            self.backlog.came(len(updates))
        for update in updates:
            if update.taken and not self._process.closed:
                self._queues.add(
                    StoredUpdate(
                        self.bot.id, update.update_id, update.chat_id, update.payload, 1, [], fence=update.fence
                    )
                )
            else:
                self.backlog.behind = True
        self.nudge()

    def check_inbox(self) -> None:
        """There are undone updates that nobody works on."""
        self.backlog.behind = True
        self.nudge()

    def looked(self, waiting: Waiting | None) -> None:
        """The inbox has these undone updates of the bot, or none: goes on with them if that came to a halt."""
        self.backlog.looked(waiting)
        if waiting is not None:
            self.backlog.behind = self.backlog.behind or waiting.number > self.known
            self.nudge()

    def nudge(self) -> None:
        """Goes on with what is held here, if that came to a halt."""
        self._process.wake()
        if self.backlog.behind and self._process.takes_work:
            self._marks.beside(self._catch_up())
        self._pump()

    def warm(self) -> None:
        """Starts the bot's process although there is nothing to do yet."""
        self._process.warm()

    def abandon(self) -> None:
        """Ends the worker at once: the bot may be another manager's already."""
        self._process.give_up()
        self._queues.clear()

    async def close(self) -> None:
        """Lets the worker finish what it has, and ends it. What is undone stays in the inbox."""
        await self._process.close()
        await self._marks.written(LAST_MARKS_SECONDS)

    async def written(self) -> None:
        """Waits until all that is known of the updates is in the inbox, however long that takes."""
        await self._marks.written()

    # What the process asks of its charge (see `charge.Charge`).

    @property
    def waits(self) -> bool:
        return self.backlog.behind or self._queues.waiting > 0

    @property
    def is_empty(self) -> bool:
        return not self._queues

    async def prepare(self) -> None:
        """Fills the queue from the inbox if there may be more in it."""
        backlog = self.backlog
        if not backlog.behind or backlog.loading:
            return
        most = self._means.tuning.loaded_updates
        backlog.behind, backlog.loading = False, True  # who stores another one meanwhile says that we are behind again
        try:
            taken = await self._means.inbox.take(self.bot.id, self.fence, self._queues.known)
        except BaseException:
            backlog.behind = True
            raise
        finally:
            backlog.loading = False
        for update in taken:
            self._queues.add(update)
        self._count_repeated(sum(update.repeated for update in taken))
        backlog.behind = backlog.behind or len(taken) == most

    @property
    def _has_room(self) -> bool:
        """Whether more waits in the inbox, and little is held here."""
        return self.backlog.behind and len(self._queues) < self._means.tuning.loaded_updates // 4

    async def _catch_up(self) -> None:
        """Fetches more for the process if there is room for it."""
        if self._has_room:
            with suppress(DatabaseAway):  # the fleet's timer comes back to it
                await self.prepare()
                self._pump()

    def introduction(self) -> Message:
        settings, bot = self._means.settings, self.bot
        config = {
            "bot": str(bot.id),
            "token": token_of(bot),
            "api": settings.telegram_api_url,
            "telegram_id": bot.telegram_id,
            "username": bot.username,
            "language": settings.default_language,
            "memory_mb": settings.bot_memory_mb,
            "incoming": str(incoming.folder_of(settings.run_dir, str(bot.id))),
            "sees": wiring.vision_configured(settings),
            "hears_seconds": settings.transcription_max_minutes * 60 if wiring.speech_configured(settings) else 0,
            "streaming": settings.telegram_streaming,
        }
        return {"type": "start", "bot": config}

    def begin(self) -> None:
        self.nudge()

    async def take(self, message: Message) -> None:
        match message["type"]:
            case "ask":
                if self.worker is not None:
                    self._is_answered(message)
                    self._questions.ask(message, self.worker.wire)
            case "cancel":
                self._questions.cancel(message["ask"])
            case "sent":
                work = self._queues.find(message["update"])
                if work is not None:
                    self._sent += 1
                    if len(message["messages"]) > MOST_MESSAGES:
                        raise ValueError("an answer has fewer messages")
                    self._gate.sent(work, [int(number) for number in message["messages"]])
                    self._marks.set_progress(work.update)
            case "permit" | "unsent" | "throttled" | "closed" if self.worker is not None:
                if message["type"] == "permit":
                    self._is_answered(message)
                self._gate.take(message, self.worker.wire)
            case "dropped":
                work = self._queues.find(message["update"])
                if work is not None:  # another manager has it
                    self._queues.settle(work)
                    self._queues.forget(work.number)
                    self.backlog.ended()
                    self._pump()
            case "done":
                work = self._queues.find(message["update"])
                if work is not None:
                    self._process.did_work()
                    self._settle(work, "failed" if message["error"] else "done", _said(message["error"]))
            case "failed":
                work = self._queues.find(message["update"])
                if work is not None:
                    self._retry(work, _said(message["error"]), blame=bool(message["blame"]))
            case "revoked":
                self._process.give_up()
                self.tell("revoked", TokenRevoked.code, message["reason"])
        if self.backlog.behind:
            await self._catch_up()

    def _is_answered(self, message: Message) -> None:
        work = self._queues.find(message["update"])
        if work is not None:
            work.costly = True

    def hang_up(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._questions.cancel_all()

    def take_back(self, *, blame: bool) -> None:
        for work in self._queues.in_work:
            self._retry(work, "the bot's process ended while it was answered", blame=blame, crashed=blame)

    def drop(self) -> None:
        self._queues.clear()

    def tell(self, state: BotState, reason: str = "", last_error: str | None = None) -> None:
        self.condition = (state, reason)
        self._means.report(self, state, reason, last_error)

    def note(self, level: Level, event: str, **detail: object) -> None:
        if event in _UNASKED_ENDS:
            self._means.metrics.restarts.labels(event).inc()
        self._means.events.add(self.bot.id, self.bot.workspace_id, level, event, **detail)

    def started(self, pid: int) -> None:
        self.figures.process_started()
        self.note("info", "process_started", pid=pid)

    def ended(self) -> None:
        self.figures.process_ended()

    def _pump(self) -> None:
        """Gives the worker what it may work on."""
        if not self._process.takes_work:
            return
        now = time.monotonic()
        for work in self._queues.ready(now):
            update = work.update
            self._process.touch()
            last = update.attempts >= self._means.tuning.tries
            order = {"type": "update", "update": work.number, "payload": update.payload}
            self._process.send({**order, "replies": update.replies, "last": last})
        later = self._queues.next_time(now)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if later is not None:
            self._timer = asyncio.get_running_loop().call_later(later - now + 0.001, self._pump)

    def _settle(self, work: Work, state: UpdateState, error: str = "") -> None:
        """The update is through: its chat goes on, and that it is through is written."""
        self._queues.settle(work)
        self.backlog.ended()
        moment = time.monotonic()
        self.figures.settled(moment - work.update.received)
        self._means.metrics.settled.labels(state).inc()
        if work.begun_at:
            self._means.metrics.answers.observe(moment - work.begun_at)
        if state == "failed":
            self.note("warning", "update_failed", update=work.number, error=error)
        self._marks.set(work.update, state, error, then=self._forget)
        self._pump()

    def _retry(self, work: Work, error: str, *, blame: bool, crashed: bool = False) -> None:
        """The update waits for another try, or is set aside when it had enough of them."""
        tuning = self._means.tuning
        work.suspect = work.suspect or (crashed and blame)
        work.failures += 1
        if work.failures == 1:
            work.sent_before = self._sent
        if (blame and work.update.attempts >= tuning.tries) or self._is_hopeless(work):
            log.error("an update is set aside", bot_id=str(self.bot.id), update=work.number, error=error)
            self.note("error", "update_set_aside", update=work.number, attempts=work.update.attempts, error=error)
            self._settle(work, "set_aside", error)
            return
        self._means.metrics.retried.inc()
        delay = backoff(tuning.retry_delay, work.failures, tuning.longest_retry_delay, random.random())
        work.update.attempts += blame
        repeated, work.update.open_sends = work.update.open_sends, 0
        self._count_repeated(repeated)
        self._queues.put_back(work, time.monotonic() + (0 if crashed else delay))
        self._marks.set(work.update, "taken", error, repeated=repeated)
        self._pump()

    def _is_hopeless(self, work: Work) -> bool:
        """Whether what an update fails of, though no fault of its own, does not stop the bot's others; or for a day."""
        tuning = self._means.tuning
        old = time.monotonic() - work.update.received > tuning.longest_undone
        return work.failures >= tuning.blameless_tries and (old or self._sent > work.sent_before)

    def repeat(self, work: Work) -> None:
        """A message for the update is sent again though Telegram may have it."""
        self._count_repeated(1)
        self._marks.set(work.update, "taken", repeated=1)

    def _count_repeated(self, number: int) -> None:
        """So many messages may come twice: Telegram may have had them when what sent them ended."""
        if number:
            self.figures.sent_again(number)
            self.note("warning", "sends_repeated", number=number)

    def _forget(self, number: int) -> None:
        """That the update is through is written."""
        self._queues.forget(number)
        if self._has_room:  # the process may have nothing left to say anything about
            self.nudge()


def _said(error: object) -> str:
    """What a process says of an error, which may be anything, as PostgreSQL takes it."""
    return str(error).replace("\0", "")[:LONGEST_ERROR]
