"""The zygote of `bots.zygote`, whose workers misbehave when somebody writes `/poison KIND`.

What a fault in a handler or in a library may do to a bot's process; run in the real one's place by tests alone.
"""

from __future__ import annotations

import os
import signal
import socket
import stat
import sys
import time
from collections.abc import Callable
from contextlib import suppress

from aiogram.types import Message

import bots.zygote
from bots.handlers import HANDLERS
from bots.job import Job

CHILDREN = 5


def loop() -> None:
    while True:
        pass


def allocate() -> None:
    hoard = []
    while True:
        hoard.append(bytearray(1024 * 1024))


def fork() -> None:
    """Children that hold on to all that they inherited, and a parent that ends at once."""
    for _ in range(CHILDREN):
        with suppress(PermissionError):  # where the kernel confines it (see bots.confine) there are none
            if os.fork() == 0:
                time.sleep(600)
    os._exit(3)


def pipe() -> None:
    """Writes into a pipe that nobody reads, with the signal's default, which is death."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    reading, writing = os.pipe()
    os.close(reading)
    os.write(writing, b"hello")


def close() -> None:
    """Closes every descriptor under the feet of its own event loop."""
    os.closerange(3, 256)


def babble() -> None:
    """Says to the manager what is no frame."""
    for number in range(256):
        try:
            is_socket = stat.S_ISSOCK(os.fstat(number).st_mode)
        except OSError:
            continue
        if is_socket:
            with socket.socket(fileno=os.dup(number)) as end:
                if end.family == socket.AF_UNIX:
                    end.setblocking(False)
                    end.send(b"\x00\x00\x00\x05hello")


KINDS: dict[str, Callable[[], None]] = {
    "loop": loop, "allocate": allocate, "fork": fork, "pipe": pipe, "close": close, "babble": babble,
}  # fmt: skip


async def poison(message: Message, _job: Job) -> bool:
    """Before a bot's usual handlers, which go on with what is left of the process."""
    if message.text and message.text.startswith("/poison "):
        KINDS[message.text.split()[1]]()
    return False


if __name__ == "__main__":
    HANDLERS["message"][1].insert(0, poison)
    bots.zygote.main(int(sys.argv[1]))
