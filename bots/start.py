"""The process `chatai bots`: from its start to its end.

What takes longest is begun first (see `ahead`): the zygote and the answer processes get ready while the manager is
still imported. So nothing is imported here that they would have to wait for.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import resource
import signal
import sys
from importlib import import_module
from pathlib import Path
from uuid import UUID

import psycopg

from bots import ahead
from bots.ahead import Ahead
from bots.answer_pool import AnswerPool
from bots.groups import WorkerGroups, open_groups
from bots.tuning import Tuning
from bots.zygote_client import ZygoteClient
from chatai.core.ids import new_id
from chatai.core.logging import configure
from chatai.core.roles import SYSTEM_ROLE, application_url
from chatai.core.settings import Settings, SettingsError, load_settings
from chatai.domains.channels.schemas import GIVEN_UP

MOST_DESCRIPTORS = 65_536
_AT_ONCE = "-c statement_timeout=2000 -c lock_timeout=2000"
_ANY_BOT_IS_WANTED = "SELECT EXISTS (SELECT FROM bot WHERE desired_state = 'running' AND NOT state = ANY(%s))"


class AlreadyRunning(Exception):
    """Another bot manager holds this data folder."""


class PortTaken(Exception):
    """The webhook server cannot listen; it says why."""


def hold_pid_file(settings: Settings) -> int:
    """Writes our process id and keeps the file locked for as long as we live; the descriptor.

    Raises:
        AlreadyRunning: Another manager of this data folder and name holds it.
    """
    settings.run_dir.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(pid_file(settings), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise AlreadyRunning from None
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f"{os.getpid()}\n".encode())
    return descriptor


def pid_file(settings: Settings) -> Path:
    name = f"-{settings.bot_manager_name}" if settings.bot_manager_name else ""
    return settings.run_dir / f"bots{name}.pid"


def succeed(settings: Settings, manager_id: UUID) -> UUID | None:
    """Leaves our id for the next manager here, and gives that of the last one: whoever holds the PID file knows that it
    is dead, so its bots need not wait."""
    file = pid_file(settings).with_suffix(".manager")
    try:
        last = UUID(file.read_text())
    except (OSError, ValueError):
        last = None
    file.write_text(str(manager_id))
    return last


def allow_many_descriptors() -> None:
    """A live bot takes one here and a polled one another; the usual soft limit of 1,024 is soon reached."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(hard, MOST_DESCRIPTORS) if hard != resource.RLIM_INFINITY else MOST_DESCRIPTORS
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def any_bot_is_wanted(url: str) -> bool:
    """Whether processes for bots will be needed at once. Not when the database cannot be asked."""
    try:
        with psycopg.connect(
            url, autocommit=True, connect_timeout=2, options=_AT_ONCE, tcp_user_timeout=5_000
        ) as connection:
            connection.execute(f"SET ROLE {SYSTEM_ROLE}")
            row = connection.execute(_ANY_BOT_IS_WANTED, [list(GIVEN_UP)]).fetchone()
    except psycopg.Error:
        return False
    return bool(row and row[0])


async def run(settings: Settings, groups: WorkerGroups | None = None, begun: Ahead | None = None) -> None:
    """Until SIGTERM or SIGINT. `begun`: where bots wait. Raises: PortTaken."""
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    tuning, manager_id = Tuning(), new_id()
    zygote = ZygoteClient(settings.bot_starts_at_once, groups, begun.zygote if begun else None)
    answers = AnswerPool(settings.bot_answer_processes, tuning, begun.answers if begun else ())
    warming: asyncio.Task[None] | None = None
    if begun is not None:
        answers.start()
        warming = asyncio.create_task(zygote.warm())
    await asyncio.to_thread(import_module, "bots.manager")  # while the loop hears of the others
    from bots import heap
    from bots.manager import Manager
    from bots.renewal import renew_on_hangup
    from chatai import wiring

    heap.keep_for_good()
    wiring.bind(settings, models=False)
    predecessor = succeed(settings, manager_id)
    manager = Manager(settings, tuning, manager_id, predecessor, zygote=zygote, answers=answers)
    renew_on_hangup(manager)
    tending = asyncio.create_task(heap.tend(lambda: manager.fleet.ended + zygote.ended))
    try:
        await manager.start()
        await stopped.wait()
    finally:
        tending.cancel()
        if warming is not None:
            warming.cancel()
        await manager.stop()
        await wiring.close()


def main() -> None:
    """Raises: SystemExit: it cannot run, with the reason."""
    import uvloop

    try:
        settings = load_settings()
    except SettingsError as error:
        sys.exit(str(error))
    configure("bots", settings)
    if not (sys.stdin and sys.stdin.isatty()):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until it is there: it asks for new code, and this is the newest
    try:
        held = hold_pid_file(settings)
    except AlreadyRunning:
        sys.exit(
            f"A bot manager already runs on {settings.data_dir}. Stop it first, or give this one a BOT_MANAGER_NAME."
        )
    allow_many_descriptors()
    groups = open_groups(settings.bot_memory_mb)  # before there is any process that would have to be moved
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # whoever started us may have ignored it: children are waited for
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # until there is a loop, which takes over
    try:
        begun = ahead.begin(settings) if any_bot_is_wanted(application_url(settings)) else None
        uvloop.run(run(settings, groups, begun))
    except PortTaken as error:
        sys.exit(f"The bot manager cannot listen on port {settings.bots_port}: {error}. Set BOTS_PORT to another.")
    finally:
        if groups is not None:
            groups.close()
        pid_file(settings).unlink(missing_ok=True)
        os.close(held)


if __name__ == "__main__":
    main()
