"""New code for the bots without a stop: the manager stays, and what it has started is replaced piece by piece."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import structlog

from bots.answer_pool import AnswerPool
from bots.fleet import Fleet
from bots.wire import Message
from bots.zygote_client import ZygoteClient
from bots.zygote_handle import ZygoteError
from chatai.domains.channels.errors import TokenUnreadable

log = structlog.get_logger(__name__)


class Renewable(Protocol):
    """A manager, by what it has started."""

    zygote: ZygoteClient
    answers: AnswerPool
    fleet: Fleet


class NotRunning(Exception):
    """There is no bot manager to tell."""


def renew_on_hangup(manager: Renewable) -> None:
    """On SIGHUP a new zygote and new answer processes take the place of the old ones.

    In a terminal SIGHUP goes on to mean that the terminal is gone.
    """
    if sys.stdin is not None and sys.stdin.isatty():
        return
    under_way: set[asyncio.Task[None]] = set()

    def begin() -> None:
        if under_way:
            log.info("the bots' processes are being renewed already")
            return
        task = asyncio.create_task(renew(manager))
        under_way.add(task)
        task.add_done_callback(under_way.discard)

    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, begin)


async def renew(manager: Renewable) -> None:
    """Bots answer all the while. Their processes follow by and by, idle ones first."""
    log.info("the bots' processes are renewed")
    try:
        await manager.zygote.renew(_introduction(manager.fleet))
    except ZygoteError as error:
        log.error("a new zygote does not start; all goes on with the old one", error=str(error))
        return
    await manager.answers.renew()


def _introduction(fleet: Fleet) -> Message | None:
    """As some bot's process gets it."""
    for runner in fleet.runners:
        with suppress(TokenUnreadable):
            return runner.introduction()
    return None


def ask_to_renew(pid_file: Path) -> int:
    """Tells the manager that holds this file; its process id. Raises NotRunning."""
    try:
        with pid_file.open("r+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pid = int(file.read())
            else:
                raise NotRunning
    except (OSError, ValueError):
        raise NotRunning from None
    os.kill(pid, signal.SIGHUP)
    return pid
