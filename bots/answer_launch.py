"""Starts answer processes: each a program of its own or, while the manager has no loop yet, a fork of what both import.

Nearly all that an answer process imports the manager imports too, and to import it takes longer than anything else that
bots wait for at a start.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
import traceback
from collections.abc import Callable
from typing import NoReturn

from bots.own_child import Begun, ChildProcess, OwnChild
from bots.own_process import keep_only
from chatai.core.settings import Settings

FAILED = 1


async def launch() -> tuple[ChildProcess, socket.socket]:
    """A program of its own, of the code that is there now, and our end of the connection to it.

    Raises: OSError: no descriptor, process or memory is left.
    """
    ours, theirs = socket.socketpair()
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "bots.answers",
            str(theirs.fileno()),
            pass_fds=(theirs.fileno(),),
            stdin=asyncio.subprocess.DEVNULL,
            start_new_session=True,
            env=dict(os.environ),
        )
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
    return process, ours


def begin(settings: Settings, number: int) -> list[Begun]:
    """So many forks of this process, which has neither a loop nor threads; fewer where no more can be had."""
    from bots import answers

    begun: list[Begun] = []
    for _ in range(number):
        try:
            ours, theirs = socket.socketpair()
            pid = os.fork()
        except OSError:
            break
        if pid == 0:
            _serve(theirs.detach(), settings, answers.main)
        theirs.close()
        child = OwnChild.of(pid)
        if child is None:
            break  # our end is closed with it, by which the process ends
        begun.append(Begun(child, ours))
    return begun


def _serve(descriptor: int, settings: Settings, main: Callable[[int, Settings], None]) -> NoReturn:
    """The life of a forked process: as that of a program which was handed the descriptor alone."""
    code = FAILED
    try:
        os.setsid()
        logging.shutdown()  # its files would else be closed later, under numbers that are others' by then
        keep_only(descriptor)
        with open(os.devnull, "rb") as nothing:
            os.dup2(nothing.fileno(), 0)
        main(descriptor, settings)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)
