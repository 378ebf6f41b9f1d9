"""Starts zygotes: a fresh one as a program of its own, or a copy of one that runs."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys

from bots.own_child import Begun, OwnChild
from bots.zygote_handle import Running

ZYGOTE = "bots.zygote"
"""The module that is run. Tests put one in its place whose workers misbehave."""

_INHERITED = (
    "PATH", "PYTHONPATH", "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR", "HOME", "TMPDIR", "CHATAI_RUN_DIR",
)  # fmt: skip
"""All that the zygote and the workers see of the environment. The secrets in it are not for them.

By `CHATAI_RUN_DIR` the launcher finds processes that outlived a kill.
"""

_BOUND_AT_ONCE = {"LD_BIND_NOW": "1"}
"""Libraries' functions are looked up as they are loaded: what is looked up at its first call is so in each worker."""


async def launch() -> Running:
    """A new zygote, which is getting ready. Raises: OSError: no process or no descriptor is left."""
    ours, theirs = _connection()
    try:
        process = await asyncio.create_subprocess_exec(
            *_command(theirs),
            pass_fds=(theirs.fileno(),),
            env=_environment(),
            stdin=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
    return Running(process, ours, asyncio.get_running_loop().create_future())


def begin() -> Begun | None:
    """A new zygote, started while there is no loop yet; None where it cannot be."""
    try:
        ours, theirs = _connection()
    except OSError:
        return None
    theirs.set_inheritable(True)
    nothing = (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)
    command = _command(theirs)
    try:
        pid = os.posix_spawn(command[0], command, _environment(), file_actions=[nothing], setsid=True)
    except OSError:
        ours.close()
        return None
    finally:
        theirs.close()
    child = OwnChild.of(pid)
    return Begun(child, ours) if child is not None else None


def adopt(begun: Begun) -> Running:
    """The zygote that was begun, for this loop."""
    begun.process.watch()
    return Running(begun.process, begun.end, asyncio.get_running_loop().create_future())


def _connection() -> tuple[socket.socket, socket.socket]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setblocking(False)
    return ours, theirs


def _command(theirs: socket.socket) -> list[str]:
    """The manager's number tells its zygote from other managers' in a list of processes."""
    return [sys.executable, "-m", ZYGOTE, str(theirs.fileno()), str(os.getpid())]


def _environment() -> dict[str, str]:
    return {name: os.environ[name] for name in _INHERITED if name in os.environ} | _BOUND_AT_ONCE


def copy(original: Running) -> Running | None:
    """A copy that the zygote makes of itself; None when the zygote is going, which is told of next.

    Raises:
        OSError: No descriptor is left.
    """
    ours, theirs = _connection()
    try:
        socket.send_fds(original.control, [json.dumps({"copy": True}).encode()], [theirs.fileno()])
    except OSError:
        ours.close()
        return None
    finally:
        theirs.close()
    made = Running(None, ours, asyncio.get_running_loop().create_future())
    made.ready.add_done_callback(lambda ready: ready.exception())  # nobody need wait for it
    return made
