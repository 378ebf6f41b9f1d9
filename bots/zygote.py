"""The process from which every bot's process is forked: everything imported, the path walked once, memory frozen.

It is started by exec (`python -m bots.zygote FD`), has no threads and no event loop when it forks, and knows no bot's
secrets: the manager sends a worker its configuration over the worker's own wire.

The manager speaks to it over a SOCK_SEQPACKET socket, one JSON object a packet:
    → {"spawn": n}, with the worker's end of a socket pair as the packet's descriptor
    → {"kill": n}
    → {"ping": n}
    → {"copy": true}, with the other end of a further such socket: a copy of the zygote is to serve that one
    ← {"ready": true, "pid": pid}
    ← {"spawned": n, "pid": pid}
    ← {"failed": n, "error": why}    instead: no process can be had now, or the descriptor did not arrive
    ← {"pong": n}
    ← {"exited": n, "status": s}     as `os.waitstatus_to_exitcode`: negative is the signal's number
A copy that cannot be had is told of by closing its socket. When the manager goes, so do the zygote and all workers.

The copy stands by: it shares all memory with the zygote, costs next to nothing, and takes its place when it dies.
"""

from __future__ import annotations

if __name__ == "__main__":
    from bots import bare_forks, uncollected  # noqa: F401 - before all that takes long to import, or looks to forks

# isort: split
import errno
import json
import logging
import os
import select
import selectors
import signal
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass, field

# isort: split
import bots.lean_models  # noqa: F401 - the first of all that imports aiogram

# isort: split
from bots import heap, sharing
from bots.http import read_by_less
from bots.own_process import call_process, keep_only
from bots.session import Session, build_session
from bots.warmup import be_born, warm_up
from bots.wire import MAX_PACKET_BYTES
from bots.worker import data_at_first, run_child
from chatai.core.scrubbing import scrub

MOST_FORKS = 8
"""One right after the other, before the first of them is told of."""
NAME, STAND_BY_NAME = "chatai-zygote", "chatai-stand-by"


@dataclass
class Zygote:
    """The parent of the workers."""

    control: socket.socket
    session: Session
    workers: dict[int, int] = field(default_factory=dict)
    """Process id → the manager's number of the worker, for those not reaped yet: only they may be killed."""
    copies: set[int] = field(default_factory=set)
    """Process ids of the stand-bys made here that are not reaped yet."""

    def serve(self) -> None:
        """Until the manager is gone."""
        wake, woken = socket.socketpair()
        wake.setblocking(False)
        signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        selector = selectors.DefaultSelector()
        selector.register(self.control, selectors.EVENT_READ)
        selector.register(woken, selectors.EVENT_READ)
        self._tell({"ready": True, "pid": os.getpid()})
        while True:
            ready = [key.fileobj for key, _ in selector.select()]
            if woken in ready:
                woken.recv(4096)
                self._reap()
            if self.control in ready and not self._obey():
                break
        signal.set_wakeup_fd(-1)  # nobody reads it any more
        for pid in self.workers:
            _end(pid)

    def _obey(self) -> bool:
        """Does what the packets say that are there; False when the manager is gone."""
        wanted: list[tuple[int, socket.socket]] = []
        more = select.poll()
        more.register(self.control, select.POLLIN)
        while len(wanted) < MOST_FORKS and more.poll(0):
            packet, descriptors, _, _ = socket.recv_fds(self.control, MAX_PACKET_BYTES, 1)
            if not packet:
                return False
            order = json.loads(packet)
            # Where no descriptor is left, the kernel brings the packet without the one that came with it.
            end = socket.socket(fileno=descriptors[0]) if descriptors else None
            if "spawn" in order:
                if end is None:
                    self._tell_failed(order["spawn"], errno.EMFILE)
                else:
                    wanted.append((order["spawn"], end))
            elif "kill" in order:
                for pid, number in self.workers.items():
                    if number == order["kill"]:
                        _end(pid)
            elif "ping" in order:
                self._tell({"pong": order["ping"]})
            elif "copy" in order and end is not None:
                self._copy(end)
        if wanted:
            self._spawn(wanted)
        return True

    def _copy(self, end: socket.socket) -> None:
        """Forks a zygote without workers, which serves the manager over its own socket until that hangs up."""
        call_process(NAME)  # which a stand-by that has taken over is not called yet
        try:
            pid = os.fork()
        except OSError:
            end.close()  # which tells the manager; it asks again later
            return
        if pid == 0:
            code = 1
            try:
                signal.set_wakeup_fd(-1)
                keep_only(end.fileno())
                call_process(STAND_BY_NAME)
                Zygote(end, self.session).serve()
                code = 0
            finally:
                os._exit(code)
        end.close()
        self.copies.add(pid)

    def _spawn(self, wanted: list[tuple[int, socket.socket]]) -> None:
        """Forks one right after the other: each fork has all memory shared anew, and what is written to between two is
        copied once more. A fork that fails, as at a limit of processes, is told of: all that live here go on."""
        parent = os.getpid()
        outcomes: list[int | OSError] = []
        for _, end in wanted:
            try:
                pid = os.fork()
            except OSError as error:
                outcomes.append(error)
                continue
            if pid == 0:
                run_child(end, parent, self.session)
            outcomes.append(pid)
        for outcome, (number, end) in zip(outcomes, wanted, strict=True):
            end.close()
            if isinstance(outcome, OSError):
                self._tell_failed(number, outcome.errno or errno.EAGAIN)
                continue
            self.workers[outcome] = number
            self._tell({"spawned": number, "pid": outcome})

    def _reap(self) -> None:
        while self.workers or self.copies:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            if pid in self.copies:
                self.copies.remove(pid)
                continue
            number = self.workers.pop(pid)
            _end_group(pid)
            self._tell({"exited": number, "status": os.waitstatus_to_exitcode(status)})

    def _tell_failed(self, number: int, why: int) -> None:
        self._tell({"failed": number, "error": os.strerror(why)})

    def _tell(self, news: dict[str, object]) -> None:
        try:
            self.control.send(json.dumps(news).encode())
        except ConnectionError:
            return  # the manager is gone, which the next read tells


def _end(pid: int) -> None:
    """Kills a worker that is not reaped yet, with all that it forked."""
    _end_group(pid)
    os.kill(pid, signal.SIGKILL)  # in case it did not come so far as to have a group of its own


def _end_group(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


class _Scrubbed(logging.Formatter):
    """Libraries' warnings, without the tokens that they may quote."""

    def format(self, record: logging.LogRecord) -> str:
        return scrub(super().format(record))


def main(descriptor: int) -> None:
    """Gets ready, and serves the manager at the other end of an inherited socket."""
    # Ctrl-C and the stop of a whole group are the manager's business: it drains the workers, then hangs up here.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    console = logging.StreamHandler()
    console.setFormatter(_Scrubbed("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(handlers=[console], level=logging.WARNING)
    call_process(NAME)
    keep_only(descriptor)
    control = socket.socket(fileno=descriptor)
    session = build_session()
    heap.tune_allocator()
    read_by_less()
    # First what is built on first use; then it is seen what runs: that code is gathered, and then specialised.
    warm_up(session, rounds=1)
    sharing.gather_code(lambda: warm_up(session, rounds=1), lambda: be_born(session))
    warm_up(session)
    sharing.share()
    data_at_first()
    Zygote(control, session).serve()


if __name__ == "__main__":
    main(int(sys.argv[1]))
    os._exit(0)  # the interpreter does not take apart what is immortal
