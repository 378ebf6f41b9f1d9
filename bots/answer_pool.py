"""The manager's side of the answer processes: passes questions on, brings the events back, starts them anew."""

from __future__ import annotations

import asyncio
import itertools
import random
import signal
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import structlog

from bots import answer_launch
from bots.fairness import Turns
from bots.memory import own_kilobytes
from bots.own_child import Begun, ChildProcess
from bots.suspects import Question, Suspects
from bots.tuning import Tuning, backoff
from bots.wire import Message, Wire, WireError
from chatai.core.patience import within

log = structlog.get_logger(__name__)

LONGEST_RESTART_DELAY = 8.0
"""All bots wait for it: a start costs two seconds of CPU, which a machine bears every eight. One that lived longer was
not broken."""
RENEWAL_SECONDS = 120.0
"""So long is waited for a new process to get ready, and for an old one to give its answers."""
BEGINNING_AT_ONCE = 8
"""In each process: enough to keep it busy, and no more than it has connections to the database for."""


@dataclass(frozen=True, eq=False, slots=True)
class _Ask:
    """A question of a bot's process."""

    number: int
    question: Question
    message: Message
    deliver: Callable[[Message], None]

    @property
    def bot(self) -> str:
        return self.question[0]


@dataclass(eq=False)
class _Process:
    """One answer process and the questions that it works on."""

    process: ChildProcess
    wire: Wire
    asks: dict[int, _Ask] = field(default_factory=dict)
    beginning: set[int] = field(default_factory=set)
    """Those whose passages are not found yet: that is what costs time here. Then the model writes."""
    beat: int = 0
    answered_beat: int = 0
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    retiring: bool = False
    """It begins nothing more: another one has taken its place."""
    rid: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when it is retiring and has answered all that it had."""


class AnswerPool:
    """A fixed number of processes that hold the database and the model.

    Each question goes to the least busy. So many are begun at once; the others wait here, and the bots take turns.
    """

    def __init__(self, size: int, tuning: Tuning, begun: Sequence[Begun] = ()) -> None:
        """`begun`: processes that are getting ready already (see `ahead`)."""
        self._size = size
        self._ahead = list(begun)
        self._tuning = tuning
        self._processes: dict[int, _Process] = {}
        self._keepers: dict[int, asyncio.Task[None]] = {}
        self._slots = itertools.count()
        self._numbers = itertools.count(1)
        self._turns: Turns[_Ask] = Turns(tuning.answers_capacity, tuning.answers_share)
        self._waiting: dict[int, _Ask] = {}
        self._suspects = Suspects()
        self._put_off: deque[_Ask] = deque()
        """Suspects whose turn came when another one was under way."""
        self._timer: asyncio.TimerHandle | None = None
        self._renewing = asyncio.Lock()
        self._renewal: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Starts the processes unless they are started: an installation without bots does without."""
        if not self._keepers:
            for _ in range(self._size):
                self._open_slot()

    async def renew(self) -> None:
        """Replaces the processes one after another by new ones, made from the code that is there now.

        A process begins nothing more once its successor is ready, and ends when its answers are given.
        """
        async with self._renewing:
            await self._renew()

    async def _renew(self) -> None:
        for slot, keeper in list(self._keepers.items()):
            fresh = self._open_slot()
            while fresh not in self._processes:
                await asyncio.wait({self._keepers[fresh]}, timeout=0.1)
            try:
                await within(RENEWAL_SECONDS, self._processes[fresh].ready.wait())
            except TimeoutError:
                log.error("a new answer process does not get ready; the old ones stay")
                await self._close_slot(fresh)
                return
            old = self._processes.get(slot)
            if old is not None:
                old.retiring = True
                self._check_rid(old)
                with suppress(TimeoutError):
                    await within(RENEWAL_SECONDS, old.rid.wait())
            log.info("an answer process is replaced", old=old.process.pid if old else None)
            if self._keepers.get(slot) is keeper:
                await self._close_slot(slot)

    def _open_slot(self) -> int:
        slot = next(self._slots)
        self._keepers[slot] = asyncio.create_task(self._keep(slot))
        return slot

    async def _close_slot(self, slot: int) -> None:
        """Ends a slot's process for good. What it was working on is asked anew."""
        keeper = self._keepers.pop(slot)
        keeper.cancel()
        await asyncio.wait({keeper})
        process = self._processes.pop(slot, None)
        if process is not None:
            await _end(process)
            self._lose(process, blamed=())

    def _check_rid(self, process: _Process) -> None:
        if process.retiring and not process.asks:
            process.rid.set()

    @property
    def pids(self) -> list[int]:
        return [process.process.pid for process in self._processes.values()]

    @property
    def asking(self) -> int:
        """How many questions are being answered or wait for it."""
        return sum(len(process.asks) for process in self._processes.values()) + len(self._waiting)

    def ask(self, message: Message, deliver: Callable[[Message], None]) -> int:
        """Passes a question on; `deliver` gets each event. Gives a number to cancel it by.

        When no process is there now, the event `away` is delivered; when the one that works on it dies, `lost`, with
        `blame` when it may have died of this question.
        """
        number = next(self._numbers)
        if not self._processes:
            self.start()
            _soon(deliver, {"type": "event", "event": "away"})
            return number
        question = message["bot"], int(message["update"]), str(message["kind"])
        ask = self._waiting[number] = _Ask(number, question, {**message, "ask": number}, deliver)
        self._turns.put(ask.bot, ask)
        self._admit()
        return number

    def cancel(self, number: int) -> None:
        """Nobody listens to the answer any more."""
        ask = self._waiting.pop(number, None)
        if ask is not None:
            if not self._turns.remove(ask.bot, ask):
                self._put_off.remove(ask)
            return
        for process in self._processes.values():
            if number in process.asks:
                process.wire.send({"type": "cancel", "ask": number})
                self._through(process, number, answered=False)
                return

    def _through(self, process: _Process, number: int, *, answered: bool) -> _Ask:
        """A process has a question no more."""
        ask = process.asks.pop(number)
        self._suspects.end(ask.question, answered=answered)
        process.beginning.discard(number)
        self._check_rid(process)
        self._admit()
        return ask

    def _lose(self, process: _Process, blamed: Collection[Question]) -> None:
        """A process is gone: what it worked on is asked anew."""
        asks = list(process.asks.values())
        process.asks.clear()
        for ask in asks:
            self._suspects.end(ask.question, answered=False)
            ask.deliver({"type": "event", "event": "lost", "blame": ask.question in blamed})

    def _next(self) -> _Ask | None:
        """The question that may begin now. Suspects begin one after the other (see `suspects`)."""
        if self._put_off and not self._suspects.free_in:
            return self._put_off.popleft()
        while (ask := self._turns.take()) is not None:
            if ask.question not in self._suspects or not self._suspects.free_in:
                return ask
            self._put_off.append(ask)
        return None

    def _admit(self) -> None:
        """Gives the processes what they may begin."""
        while self._waiting:
            there = (process for process in self._processes.values() if not process.retiring)
            process = min(there, key=lambda p: (len(p.beginning), len(p.asks)), default=None)
            if process is None or len(process.beginning) >= BEGINNING_AT_ONCE:
                return
            ask = self._next()
            if ask is None:
                delays = (self._turns.delay(), self._suspects.free_in if self._put_off else None)
                self._admit_later(min((delay for delay in delays if delay is not None), default=None))
                return
            del self._waiting[ask.number]
            try:
                process.wire.send(ask.message)
            except WireError:  # too large: it must not keep its place, nor fail those who wait behind it
                _soon(ask.deliver, {"type": "event", "event": "lost", "blame": True})
                continue
            process.asks[ask.number] = ask
            process.beginning.add(ask.number)
            self._suspects.begin(ask.question)

    def _admit_later(self, seconds: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if seconds is not None:
            self._timer = asyncio.get_running_loop().call_later(max(seconds, 0.001), self._admit)

    def _begun(self, process: _Process, number: int) -> None:
        if number in process.beginning:
            process.beginning.remove(number)
            self._admit()

    async def stop(self) -> None:
        """Ends the processes. What they were working on stays undone."""
        if self._timer is not None:
            self._timer.cancel()
        if self._renewal is not None:
            self._renewal.cancel()
        self._waiting.clear()
        self._turns.clear()
        self._put_off.clear()
        for keeper in self._keepers.values():
            keeper.cancel()
        for process in self._processes.values():
            process.wire.send({"type": "stop"})
        if self._keepers:
            await asyncio.wait(self._keepers.values())
        for process in list(self._processes.values()):
            await _end(process)
        self._processes.clear()
        self._keepers = {}

    async def _keep(self, slot: int) -> None:
        """Keeps one process alive."""
        failures = 0
        while True:
            started = time.monotonic()
            try:
                process = await self._launch()
            except OSError as error:  # no descriptor, process or memory is left now
                failures += 1
                log.error("an answer process does not start", error=error.strerror)
                self._all_away()
                await self._pause(failures)
                continue
            self._processes[slot] = process
            self._admit()
            beats = asyncio.create_task(self._beat(process))
            try:
                await self._listen(process)
            finally:
                beats.cancel()
            del self._processes[slot]
            with suppress(ProcessLookupError):
                process.process.kill()
            status = await process.process.wait()
            await process.wire.close()
            failures = 1 if time.monotonic() - started > LONGEST_RESTART_DELAY else failures + 1
            log.error("an answer process ended", status=status, asks=len(process.asks))
            self._lose(process, self._suspects.process_ended({ask.question for ask in process.asks.values()}))
            self._all_away()
            self._admit()
            await self._pause(failures)

    def _all_away(self) -> None:
        """Without any process nobody waits for one."""
        if self._processes:
            return
        self._waiting.clear()
        waiting = [*self._put_off, *self._turns.clear()]
        self._put_off.clear()
        for ask in waiting:
            ask.deliver({"type": "event", "event": "away"})

    async def _pause(self, failures: int) -> None:
        await asyncio.sleep(backoff(self._tuning.crash_delay, failures, LONGEST_RESTART_DELAY, random.random()))

    async def _launch(self) -> _Process:
        """Raises: OSError."""
        process: ChildProcess
        process, end = self._ahead.pop() if self._ahead else await answer_launch.launch()
        return _Process(process, await Wire.over(end))

    async def _listen(self, process: _Process) -> None:
        while True:
            try:
                message = await process.wire.receive()
            except WireError as error:
                log.error("an answer process is not understood", error=str(error))
                return
            if message is None:
                return
            if message["type"] == "ready":
                process.ready.set()
            elif message["type"] == "pong":
                process.answered_beat = message["beat"]
            elif message["type"] == "event":
                self._begun(process, message["ask"])
                ask = process.asks.get(message["ask"])
                if ask is None or message["event"] == "begun":
                    continue
                if message["event"] != "delta":
                    self._through(process, ask.number, answered=True)
                try:
                    ask.deliver(message)
                except Exception:  # one bot's trouble: this process answers the others too
                    log.exception("an answer does not reach its bot", event_kind=message["event"])

    async def _beat(self, process: _Process) -> None:
        """Kills the process when it hangs: its questions are then asked anew."""
        patience = self._tuning.answer_pong_patience * 4  # the first answer comes after the imports
        while True:
            process.beat += 1
            process.wire.send({"type": "ping", "beat": process.beat})
            await asyncio.sleep(patience)
            patience = self._tuning.answer_pong_patience
            if process.answered_beat < process.beat:
                log.error("an answer process hangs and is killed", pid=process.process.pid)
                process.process.send_signal(signal.SIGKILL)
                return
            taken = own_kilobytes(process.process.pid) or 0
            if taken > self._tuning.answer_memory_mb * 1024 and not self._renewing.locked() and not process.retiring:
                log.warning("an answer process is replaced, as it grows", megabytes=taken // 1024)
                self._renewal = asyncio.create_task(self.renew())


def _soon(deliver: Callable[[Message], None], event: Message) -> None:
    """Tells who asks what became of a question once they know its number."""
    asyncio.get_running_loop().call_soon(deliver, event)


async def _end(process: _Process) -> None:
    """Has a process stop, and sees to it that it does."""
    process.wire.send({"type": "stop"})
    try:
        await within(3, process.process.wait())
    except TimeoutError:
        process.process.kill()
        await process.process.wait()
    await process.wire.close()
