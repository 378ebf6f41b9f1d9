"""The life of one bot's worker process at the manager: woken, started, watched, left alone, ended, replaced.

What the process works on is not known here: that is its `Charge` (see `runner`).
"""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections import deque
from contextlib import suppress
from uuid import UUID

import structlog

from bots.charge import Charge, Keep
from bots.limits import Allowance, Rate
from bots.places import Places
from bots.tuning import Tuning, backoff
from bots.wire import Message, WireError
from bots.zygote_client import WENT_WITH_ZYGOTE, ZygoteClient
from bots.zygote_handle import WorkerProcess, ZygoteError
from chatai.core.database import DatabaseAway
from chatai.core.patience import within
from chatai.domains.channels.errors import BotCrashes, BotsCrowded, NoProcess, TokenUnreadable
from chatai.domains.channels.event_texts import TOLD_BY_WORKERS

log = structlog.get_logger(__name__)

LONGEST_CRASH_DELAY = 60.0
CROWDED_SECONDS = 1.0
"""A bot that waits longer for a place says so."""
LAST_WORDS_SECONDS = 1.0
"""So long after a process has ended its wire is still read. It would not end by itself if another process, forked by
that one, held it open."""
LOG_LINES = Rate(1.0, 200)
"""What a process may write into the manager's log: a line a second, some at once."""
ZYGOTE_GONE = "the process from which the bots' processes are made went away"

# Exit code → what happened, in words for `last_error`. See bots.worker.
_HUNG = "the process did not answer"
_DEAF = "the process did not read what it was sent"
_BABBLES = "the process said more than it can have to say"
_EXITS = {-9: "the process was killed", -11: "the process crashed", 71: "out of memory", 72: "the process failed"}


class BotProcess:
    """Sees to it that a bot has a worker process for as long as it needs one."""

    def __init__(
        self, bot_id: UUID, charge: Charge, zygote: ZygoteClient, tuning: Tuning, keep: Keep, places: Places
    ) -> None:
        self.worker: WorkerProcess | None = None
        self.restarts = 0
        self.closed = False
        """Nothing more is begun: the bot is stopped or given up."""
        self._bot_id = bot_id
        self._charge = charge
        self._zygote = zygote
        self._tuning = tuning
        self._keep = keep
        self._places = places
        self._wanted_awake = False
        self._ready = False
        self._leaving = False
        self._killed_for = ""
        self._task: asyncio.Task[None] | None = None
        self._crashes: deque[float] = deque()
        self._last_active = 0.0
        self._heard_at = 0.0
        self._beat = 0
        self._pong = 0
        self._lines = Allowance(LOG_LINES)
        self._left_out = 0

    @property
    def takes_work(self) -> bool:
        return self.worker is not None and self._ready and not self._leaving and not self.closed

    def warm(self) -> None:
        """Starts the process although there is nothing to do yet."""
        self._wanted_awake = True
        self.wake()

    def wake(self) -> None:
        """Has a process started if none is there or on its way."""
        if (self._task is None or self._task.done()) and not self.closed:
            self._task = asyncio.create_task(self._run())
            self._task.add_done_callback(self._ended)

    def send(self, message: Message) -> None:
        """Sends to the process, if it is there."""
        if self.worker is not None:
            self.worker.wire.send(message)

    def touch(self) -> None:
        """The process is in use: its quiet time begins anew."""
        self._last_active = time.monotonic()

    def did_work(self) -> None:
        """The process has done what it was given, so it listens: as good as an answer to a ping."""
        self._heard_at = time.monotonic()

    def weighed(self, kilobytes: int) -> None:
        """The process has so much memory of its own; one that has too much is ended.

        The kernel's limits come first: that on what it allocates (`worker.limit_memory`), which does not count what the
        process made its own by writing to pages that it shared, and its cgroup's, where there is one (`groups`).
        """
        if self.worker is not None and kilobytes > self._keep.memory_mb * 1024 and not self._killed_for:
            megabytes = kilobytes // 1024
            self._kill(self.worker, self._too_large(self.worker, megabytes))

    # What the places ask of their lodger (see `places.Lodger`).

    @property
    def stays(self) -> bool:
        return self._keep.always_on or not self.takes_work

    @property
    def idle_since(self) -> float | None:
        return self._last_active if self._charge.is_empty and not self._charge.waits else None

    def make_room(self) -> None:
        if self.worker is not None:
            self._leave(self.worker)

    def give_up(self) -> None:
        """Ends the process at once, for good."""
        self.closed = True
        if self.worker is not None:
            self._zygote.kill(self.worker)

    async def close(self) -> None:
        """Lets the process finish what it has, and ends it: also one that will not go."""
        self.closed = True
        if self._task is not None:
            if (worker := self.worker) is not None:
                self._leave(worker)
                await asyncio.wait({self._task}, timeout=self._tuning.drain_patience)
                self._zygote.kill(worker)  # which does nothing to one that is gone
            self._task.cancel()
            await asyncio.wait({self._task})

    def _ended(self, task: asyncio.Task[None]) -> None:
        """No process is there any more. A fault of ours is told; the updates are still stored, and the fleet's timer
        has them taken up again."""
        self._places.leave(self)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            log.error("a bot's runner failed", bot_id=str(self._bot_id), exc_info=error)
            self._charge.drop()

    async def _run(self) -> None:
        """Has a worker for as long as there is work, and for a quiet time after it."""
        without_zygote = 0
        while not self.closed and (self._charge.waits or self._wanted_awake or self._keep.always_on):
            try:
                await self._take_place()
                await self._charge.prepare()
                worker = await self._zygote.spawn()
            except DatabaseAway:
                return  # the fleet's timer comes back to it
            except ZygoteError as error:  # no fault of this bot's
                self._places.leave(self)
                without_zygote += 1
                self._charge.tell("starting", NoProcess.code, str(error))
                delay = backoff(self._tuning.crash_delay, without_zygote, LONGEST_CRASH_DELAY, random.random())
                await asyncio.sleep(delay)
                continue
            self._wanted_awake, without_zygote = False, 0
            try:
                status = await self._employ(worker)
            except TokenUnreadable as error:
                self.closed = True
                self._charge.tell("failed", error.code)
                return
            self._places.leave(self)
            self._charge.take_back(blame=status != WENT_WITH_ZYGOTE)
            if status == 0 or self.closed:
                self._charge.note("info", "process_stopped" if self.closed else "process_left", pid=worker.pid)
                continue
            self.restarts += 1
            if status == WENT_WITH_ZYGOTE:
                self._charge.note("warning", "process_ended", pid=worker.pid, why=ZYGOTE_GONE)
                self._charge.tell("starting", "", ZYGOTE_GONE)
                self._wanted_awake = True  # as it was: a thousand cold starts are better spread than met one by one
                continue
            await self._crashed(self._killed_for or await self._cause(worker, status))
        if not self.closed:
            self._charge.tell("sleeping")

    async def _take_place(self) -> None:
        """Waits until one more process may live."""
        told = asyncio.get_running_loop().call_later(
            CROWDED_SECONDS, self._charge.tell, "starting", BotsCrowded.code, ""
        )
        try:
            await self._places.take(self)
        finally:
            told.cancel()

    async def _cause(self, worker: WorkerProcess, status: int) -> str:
        """Why a process ended that was not killed from here; it is noted."""
        if status == -signal.SIGKILL and await worker.was_too_large():
            return self._too_large(worker, self._keep.memory_mb)
        why = _EXITS.get(status, f"the process ended with status {status}")
        self._charge.note("error", "process_ended", pid=worker.pid, why=why)
        return why

    def _too_large(self, worker: WorkerProcess, megabytes: int) -> str:
        self._charge.note("error", "memory_exceeded", pid=worker.pid, memory_mb=megabytes)
        return f"out of memory: {megabytes} MB of its own, and BOT_MEMORY_MB is {self._keep.memory_mb}"

    async def _crashed(self, why: str) -> None:
        """Counts a crash and waits before the next try, or gives the bot up."""
        tuning, now = self._tuning, time.monotonic()
        self._crashes.append(now)
        while self._crashes[0] < now - tuning.crash_window:
            self._crashes.popleft()
        log.warning("a bot's process ended", bot_id=str(self._bot_id), why=why, crashes=len(self._crashes))
        if len(self._crashes) > tuning.crashes_allowed:
            self.closed = True
            self._charge.tell("quarantined", BotCrashes.code, why)
            return
        self._charge.tell("starting", "", why)
        await asyncio.sleep(backoff(tuning.crash_delay, len(self._crashes), LONGEST_CRASH_DELAY, random.random()))

    async def _employ(self, worker: WorkerProcess) -> int:
        """Serves a worker from its start to its end; its exit code. However this ends, the process does."""
        try:
            return await self._serve(worker)
        except BaseException:
            self._zygote.kill(worker)
            raise

    async def _serve(self, worker: WorkerProcess) -> int:
        self.worker, self._ready, self._leaving, self._killed_for = worker, False, False, ""
        self._beat = self._pong = 0
        self.touch()
        self._charge.started(worker.pid)
        tuning = self._tuning
        worker.wire.bound(tuning.most_unread_bytes, lambda: self._overflow(worker), tuning.longest_frame_bytes)
        frames = Allowance(Rate(1 / tuning.frames_rate, tuning.frames_burst))
        watch = asyncio.create_task(self._watch(worker))
        loop = asyncio.get_running_loop()
        worker.exited.add_done_callback(lambda _: loop.call_later(LAST_WORDS_SECONDS, worker.wire.cut))
        try:
            worker.wire.send(self._charge.introduction())
            while (message := await worker.wire.receive()) is not None:
                if not frames.take():
                    self._end(worker, "process_babbled", _BABBLES)
                    break
                await self._take(message)
        except WireError as error:
            log.error("a worker is not understood", bot_id=str(self._bot_id), error=str(error))
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            # Nor this one, whatever made it say that. It leaves when nobody listens any more, or is killed.
            log.exception("a worker's message is none", bot_id=str(self._bot_id))
        finally:
            watch.cancel()
            self.worker = None
            self._charge.ended()
            self._charge.hang_up()
            with suppress(TimeoutError):
                await within(LAST_WORDS_SECONDS, worker.wire.close())
            worker.wire.cut()  # one that reads nothing does not hold up its own end
        try:
            return await within(2, asyncio.shield(worker.exited))
        except TimeoutError:
            self._zygote.kill(worker)
            return await worker.exited

    async def _take(self, message: Message) -> None:
        match message["type"]:
            case "pong":
                # Only of what was asked: one that answers in advance need not listen.
                self._pong = min(int(message["beat"]), self._beat)
                self._heard_at = time.monotonic()
            case "ready":
                self.touch()
                self._ready = True
                self._charge.tell("running")
                self._charge.begin()
            case "log":
                self.touch()
                if message["level"] in {"error", "warning"}:
                    about = message["fields"].get("error")
                    text = f"{message['event']}: {about}" if about else message["event"]
                    self._charge.note(message["level"], "worker_log", text=text)
                if not self._lines.take():
                    self._left_out += 1
                    return
                left_out, self._left_out = self._left_out, 0
                log.log(
                    {"error": 40, "warning": 30}.get(message["level"], 20),
                    message["event"],
                    bot_id=str(self._bot_id),
                    **({"left_out": left_out} if left_out else {}),
                    **{f"worker_{key}": str(value) for key, value in message["fields"].items()},
                )
            case "tell":
                self.touch()
                if message["event"] in TOLD_BY_WORKERS:
                    about = {key: str(message["about"].get(key, "")) for key in ("name", "number", "reason")}
                    self._charge.note("warning", message["event"], **about)
            case _:
                self.touch()
                await self._charge.take(message)

    async def _watch(self, worker: WorkerProcess) -> None:
        """Ends a worker that hangs, and lets one go that has nothing to do."""
        tuning, idle = self._tuning, self._keep.idle_seconds
        asked_at = self._heard_at = time.monotonic()
        while True:
            pause, before = min(tuning.ping_interval, tuning.pong_patience, idle) / 2, time.monotonic()
            await asyncio.sleep(pause)
            now = time.monotonic()
            asked_at += now - before - pause  # while this program stood still itself, no pong could be heard
            interval = tuning.quiet_ping_interval if self._charge.is_empty else tuning.ping_interval
            if not self._ready:
                late = now - asked_at > tuning.start_patience
            else:
                late = self._pong < self._beat and now - asked_at > tuning.pong_patience
            if late:
                self._end(worker, "process_hung", _HUNG)
                return
            if self._ready and self._pong == self._beat and now - self._heard_at >= interval:
                self._beat, asked_at = self._beat + 1, now
                worker.wire.send({"type": "ping", "beat": self._beat})
            if not self._ready or self._leaving:
                continue
            if self._zygote.may_replace(worker, idle=self._charge.is_empty):
                self._wanted_awake = True
                self._leave(worker)
            elif self._charge.is_empty and now - self._last_active >= idle and not self._keep.always_on:
                self._leave(worker)

    def _overflow(self, worker: WorkerProcess) -> None:
        if not self._killed_for:
            self._end(worker, "process_deaf", _DEAF)

    def _end(self, worker: WorkerProcess, event: str, why: str) -> None:
        """Kills a process that misbehaves, and says so."""
        log.error("a bot's process is killed", bot_id=str(self._bot_id), pid=worker.pid, why=why)
        self._charge.note("error", event, pid=worker.pid)
        self._kill(worker, why)

    def _kill(self, worker: WorkerProcess, why: str) -> None:
        self._killed_for = why
        self._zygote.kill(worker)

    def _leave(self, worker: WorkerProcess) -> None:
        self._leaving = True
        worker.wire.send({"type": "stop"})
