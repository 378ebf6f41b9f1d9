"""The manager's side of the zygote: asks it for workers, hears how they end, starts it again when it is gone."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import math
import os
import socket
import time
from typing import Any

import structlog

from bots import zygote_launch
from bots.groups import WorkerGroups
from bots.own_child import Begun
from bots.wire import MAX_PACKET_BYTES, Message, Wire, WireError
from bots.zygote_handle import NO_PROCESS, Running, WorkerProcess, ZygoteError
from chatai.core.patience import within

log = structlog.get_logger(__name__)

START_SECONDS = 120
STARTS_AT_ONCE = 8
FAILED_START_SECONDS = 2.0
"""Who asks so soon after a start that failed is told so without another try."""
SPARE_RETRY_SECONDS = 5.0
"""After one that stood by has died, before the next one is made."""
KILL_AGAIN_SECONDS = 0.1
WENT_WITH_ZYGOTE = -1000
"""Exit status told of workers whose zygote went away, which is no fault of theirs."""
QUIET_SECONDS = 0.05
"""After the last worker that a bot asked for, before the next one is forked ahead."""
TRIAL_SECONDS = 30.0
REPLACED_A_SECOND = 20
"""So many workers of an old zygote are replaced, at most."""
OVERDUE_SECONDS = 60.0
"""So long after a new zygote is there, an old one's worker is replaced although it is at work."""


class ZygoteClient:
    """Gives out worker processes; so many forks are under way at once.

    Beside the zygote stands a copy of it, which takes its place when it dies: a new one takes seconds to get ready.
    One worker is forked ahead, in a quiet moment, so that the next bot that wakes need not wait for that.
    """

    def __init__(
        self, starts_at_once: int = STARTS_AT_ONCE, groups: WorkerGroups | None = None, begun: Begun | None = None
    ) -> None:
        """`begun`: a zygote that is getting ready already (see `ahead`)."""
        self.groups = groups
        """By which the kernel bounds the workers' memory; None where cgroups are not delegated."""
        self._begun = begun
        self._running: Running | None = None
        self._spare: Running | None = None
        self._old: list[Running] = []
        self._numbers = itertools.count(1)
        self._starting = asyncio.Lock()
        self._admission = asyncio.Semaphore(starts_at_once)
        self._next: WorkerProcess | None = None
        self._quiet: asyncio.TimerHandle | None = None
        self._forking: asyncio.Task[None] | None = None
        self._probes: dict[Running, asyncio.Task[None]] = {}
        self._stopped = False
        self._failed_at = -math.inf
        self.ended = 0
        """So many processes of bots have ended."""
        self._renewed_at = -math.inf
        self._replaced_at = -math.inf

    @property
    def pid(self) -> int | None:
        """Process id of the zygote, if there is one."""
        return self._running.pid if self._running else None

    @property
    def spare_pid(self) -> int | None:
        """Process id of the zygote that stands by, if it is ready."""
        return self._spare.pid if self._spare and self._spare.pid else None

    @property
    def next_pid(self) -> int | None:
        """Process id of the worker that was forked ahead, if there is one."""
        return self._next.pid if self._next is not None and not self._next.exited.done() else None

    async def start(self) -> None:
        """Starts a zygote unless there is one. Raises ZygoteError."""
        async with self._starting:
            if self._stopped:
                raise ZygoteError("the bot manager is stopping")
            if self._running is None:
                if time.monotonic() - self._failed_at < FAILED_START_SECONDS:
                    raise ZygoteError("the zygote does not start")
                self._running = await self._launch_ready()
                self._stand_by()
                self._fork_ahead()

    async def warm(self) -> None:
        """Starts a zygote before a bot needs it. If it does not start, the first bot tries again."""
        try:
            await self.start()
        except ZygoteError as error:
            log.error("the zygote does not start; the first bot tries again", error=str(error))

    async def renew(self, introduction: Message | None = None) -> None:
        """Has new workers forked from a new zygote, made from the code that is there now. The old one goes when its
        last worker has been replaced (see `may_replace`). Where none runs there is nothing to do.

        Args:
            introduction: What a bot's process is first told: a new one must get ready by it before anything changes.

        Raises:
            ZygoteError: The new one does not start; all goes on with the old one.
        """
        async with self._starting:
            if self._running is None or self._stopped:
                return
            fresh = await self._launch_ready()
            if introduction is not None:
                try:
                    await self._try_out(fresh, introduction)
                except ZygoteError:
                    fresh.end()
                    raise
            old, self._running = self._running, fresh
            self._renewed_at = time.monotonic()
            self._send_next_away()
            self._fork_ahead()
            if self._spare is not None:
                self._spare.hang_up()
            self._stand_by()
            if old is not None:  # it may have gone meanwhile
                self._old.append(old)
                self._let_go(old)

    def may_replace(self, worker: WorkerProcess, *, idle: bool) -> bool:
        """Whether a worker is of an old zygote and may be replaced now: idle ones first, and not all at once."""
        now = time.monotonic()
        if worker.home is self._running or (not idle and now - self._renewed_at < OVERDUE_SECONDS):
            return False
        if now - self._replaced_at < 1 / REPLACED_A_SECOND:
            return False
        self._replaced_at = now
        return True

    async def spawn(self) -> WorkerProcess:
        """A new worker, which waits for its `start` frame. Raises ZygoteError."""
        if self._running is None or self._stopped:  # while it is renewed the old one goes on
            await self.start()
        self._fork_ahead()
        worker = self._next
        if worker is not None and worker.home is self._running and not worker.exited.done():
            self._next = None
            return worker
        async with self._admission:
            if self._running is None:
                raise ZygoteError("the zygote went away")
            return await self._fork(self._running)

    def _fork_ahead(self) -> None:
        """Has the next worker forked, once nobody has asked for one for a moment."""
        if self._quiet is not None:
            self._quiet.cancel()
        self._quiet = asyncio.get_running_loop().call_later(QUIET_SECONDS, self._fork_next)

    def _fork_next(self) -> None:
        if self._forking is None or self._forking.done():
            self._forking = asyncio.create_task(self._make_next())

    async def _make_next(self) -> None:
        if (running := self._running) is None or self.next_pid is not None or self._stopped:
            return
        with contextlib.suppress(ZygoteError):
            if self._next is not None:  # it has died
                self._next.wire.cut()
            self._next = await self._fork(running)

    def _send_next_away(self) -> None:
        """The worker that was forked ahead, or is just being, is not wanted any more: it goes when its wire is cut."""
        if self._forking is not None:
            self._forking.cancel()
        if self._next is not None:
            self._next.wire.cut()
            self._next = None

    async def _fork(self, running: Running) -> WorkerProcess:
        """A worker of this zygote. Raises ZygoteError."""
        number = next(self._numbers)
        try:
            ours, theirs = socket.socketpair()
        except OSError as error:
            raise ZygoteError(NO_PROCESS.format(error.strerror)) from None
        exited = running.exits[number] = asyncio.get_running_loop().create_future()
        try:
            pid = await running.ask("spawn", number, [theirs.fileno()])
        except BaseException as error:
            ours.close()
            running.exits.pop(number, None)
            if isinstance(error, OSError):
                raise ZygoteError("the zygote went away") from None
            raise
        finally:
            theirs.close()
        worker = WorkerProcess(number, pid, await Wire.over(ours), exited, running)
        if self.groups is not None:
            self.groups.enter(number, pid, running.pid)
            exited.add_done_callback(lambda _: self._leave_group(worker))
        return worker

    def _leave_group(self, worker: WorkerProcess) -> None:
        if self.groups is not None:
            worker.filled_group = self.groups.leave(worker.number)

    async def _try_out(self, running: Running, introduction: Message) -> None:
        """Whether what this zygote makes can live with this manager. Raises ZygoteError."""
        worker = await self._fork(running)
        worker.wire.send(introduction)
        try:
            told = await within(TRIAL_SECONDS, worker.wire.receive())
        except (TimeoutError, WireError):
            told = None
        await worker.wire.close()  # with which it goes
        if told is None or told["type"] != "ready":
            raise ZygoteError("a bot's process of the new code does not start under this manager: restart it instead")

    def kill(self, worker: WorkerProcess) -> None:
        """Ends a worker that does not end by itself. One that is gone already is not confused with another.

        The zygote is asked whether it hangs: if it does, nobody would hear of the end.
        """
        home = worker.home
        if home is None or worker.number not in home.exits:
            return
        try:
            home.control.send(json.dumps({"kill": worker.number}).encode())
        except BlockingIOError:  # more at once than the socket holds
            asyncio.get_running_loop().call_later(KILL_AGAIN_SECONDS, self.kill, worker)
        except OSError:
            return  # the zygote is gone, and the worker with it
        if home not in self._probes:
            probe = self._probes[home] = asyncio.create_task(self._probe(home))
            probe.add_done_callback(lambda _: self._probes.pop(home, None))

    async def _probe(self, running: Running) -> None:
        """Ends a zygote that does not answer."""
        with contextlib.suppress(ZygoteError, OSError):
            await running.ask("ping", next(self._numbers))

    async def stop(self) -> None:
        """Ends the zygote and every worker that is left."""
        self._stopped = True
        self._send_next_away()
        async with self._starting:
            zygotes = [*self._old, *filter(None, [self._running, self._spare])]
        for zygote in zygotes:
            zygote.hang_up()
        for zygote in zygotes:
            try:
                await within(5, zygote.gone())
            except TimeoutError:
                zygote.end()
                await zygote.gone()

    def _let_go(self, old: Running) -> None:
        """Ends an old zygote that has no worker any more."""
        if not old.exits and not old.asked:
            old.hang_up()

    def _stand_by(self) -> None:
        """Has the zygote make a copy of itself."""
        self._spare = None
        running = self._running
        if running is None or self._stopped or not hasattr(os, "pidfd_open"):
            return
        try:
            self._spare = zygote_launch.copy(running)
        except OSError as error:
            self._stand_by_later(error.strerror)
            return
        if self._spare is not None:
            self._listen(self._spare)

    async def _launch_ready(self) -> Running:
        """A zygote that can fork. Raises ZygoteError."""
        try:
            begun, self._begun = self._begun, None
            running = zygote_launch.adopt(begun) if begun is not None else await zygote_launch.launch()
        except OSError as error:  # this process, too, may have no descriptor left, or no process to fork
            self._failed_at = time.monotonic()
            raise ZygoteError(f"the zygote does not start: {error.strerror}") from None
        self._listen(running)
        try:
            await within(START_SECONDS, asyncio.shield(running.ready))
        except TimeoutError:
            running.end()
            self._failed_at = time.monotonic()
            raise ZygoteError(f"the zygote was not ready within {START_SECONDS} seconds") from None
        except ZygoteError:
            self._failed_at = time.monotonic()
            raise
        except BaseException:  # who asked for it is not there any more
            running.end()
            raise
        log.info("the zygote is ready", pid=running.pid)
        return running

    def _listen(self, running: Running) -> None:
        asyncio.get_running_loop().add_reader(running.control.fileno(), self._read, running)

    def _read(self, running: Running) -> None:
        """Takes one packet of news."""
        try:
            packet = running.control.recv(MAX_PACKET_BYTES)
        except BlockingIOError:
            return
        except OSError:
            packet = b""
        if not packet:
            self._lose(running)
            return
        news = json.loads(packet)
        running.heard += 1
        if "ready" in news:
            running.pid = int(news["pid"])
            running.ready.set_result(None)
        elif "exited" in news:
            self.ended += 1
            _settle(running.exits.pop(news["exited"], None), news["status"])
        else:
            running.answered(news)
        if running in self._old:
            self._let_go(running)

    def _lose(self, running: Running) -> None:
        """The zygote is gone, and its workers are going."""
        asyncio.get_running_loop().remove_reader(running.control.fileno())
        running.control.close()
        if self._running is running:
            self._running = self._spare
            if self._running is not None and not self._stopped:
                log.warning("the zygote that stood by takes over", pid=self._running.pid)
            self._send_next_away()
            self._fork_ahead()
            self._stand_by()
        elif self._spare is running:
            self._spare = None
            if not self._stopped:
                self._stand_by_later("it ended" if running.ready.done() else "it could not be forked")
        if running in self._old:
            self._old.remove(running)
        if not self._stopped and (running.exits or (running.process and not running.ready.done())):
            log.error("the zygote went away", workers=len(running.exits))
        waiting: list[asyncio.Future[Any]] = [running.ready, *running.asked.values()]
        for future in waiting:
            if not future.done():
                future.set_exception(ZygoteError("the zygote went away"))
        self.ended += len(running.exits)
        for exited in running.exits.values():
            _settle(exited, WENT_WITH_ZYGOTE)
        running.exits.clear()

    def _stand_by_later(self, why: str | None) -> None:
        log.warning("no copy of the zygote stands by; the next try follows", why=why)
        asyncio.get_running_loop().call_later(SPARE_RETRY_SECONDS, self._replace_spare)

    def _replace_spare(self) -> None:
        if self._spare is None:
            self._stand_by()


def _settle(future: asyncio.Future[int] | None, value: int) -> None:
    if future is not None and not future.done():
        future.set_result(value)
