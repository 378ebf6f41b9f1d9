"""A zygote whose workers do what no worker should, when they are told to. `python -m tests.bots.wild FD`."""

from __future__ import annotations

import importlib
import json
import mmap
import os
import random
import socket
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

from aiogram.types import Message

import bots.zygote
from bots.handlers import HANDLERS
from bots.handlers.addressing import place_of
from bots.job import Job
from bots.wire import encode


async def loop(message: Message, job: Job) -> None:
    while True:
        pass


async def eat(message: Message, job: Job) -> None:
    eaten = []
    while True:
        eaten.append(bytearray(2**20))


async def hoard(message: Message, job: Job) -> None:
    """Takes shared memory, which a limit on data does not count."""
    with mmap.mmap(-1, 2**30) as hoarded:
        for place in range(0, 2**30, 4096):
            hoarded[place] = 1


async def fork(message: Message, job: Job) -> None:
    while os.fork() >= 0:
        pass


async def run(message: Message, job: Job) -> None:
    os.execv("/bin/sh", ["sh", "-c", "exit 0"])


async def die(message: Message, job: Job) -> None:
    os.abort()


async def deafen(message: Message, job: Job) -> None:
    os.closerange(3, 100)
    await job.say(place_of(message), "Can you hear me?")


async def tell(message: Message, job: Job) -> None:
    """What could have been inherited."""
    umask = os.umask(0)
    os.umask(umask)
    try:
        os.close(os.open("/dev/tty", os.O_RDWR))
        terminal = "a terminal"
    except OSError:
        terminal = "no terminal"
    secrets = ",".join(name for name in os.environ if "SECRET" in name or "KEY" in name or "URL" in name)
    words = [str(random.random()), str(uuid.uuid4()), oct(umask), terminal, f"secrets:{secrets}"]
    await job.say(place_of(message), " ".join(words))


async def babble(message: Message, job: Job) -> None:
    """Asks without end, and says in advance that it is alive."""
    end = job.link.wire._transport.get_extra_info("socket")
    with socket.socket(fileno=os.dup(end.fileno())) as wire:
        wire.setblocking(True)
        permit = encode({"type": "permit", "permit": 1, "update": 0, "chat": 1, "new": True})
        pongs = b"".join(encode({"type": "pong", "beat": beat}) for beat in range(1000))
        while True:
            wire.sendall(pongs + permit * 1000)


def _call_by_path(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as end:
        end.connect(path)


def _send_by_path(path: str) -> None:
    for end in socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM):
        end.sendto(b"?", path)


def _dial(port: str) -> None:
    socket.create_connection(("127.0.0.1", int(port)), 5).close()


def _dial_by_many_paths(port: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262) as end:  # MPTCP
        end.connect(("127.0.0.1", int(port)))


def _dial_by_sending(port: str) -> None:
    with socket.socket() as end:
        end.sendto(b"?", socket.MSG_FASTOPEN, ("127.0.0.1", int(port)))


def _serve(port: str) -> None:
    socket.create_server(("127.0.0.1", int(port))).close()


def _load(name: str) -> None:
    assert name not in sys.modules
    importlib.import_module(name)


TRIES: dict[str, Callable[[str], object]] = {
    "read": lambda path: Path(path).read_bytes(),
    "list": os.listdir,
    "write": lambda path: Path(path).write_bytes(b"?"),
    "link": lambda path: os.symlink("/etc/passwd", path),
    "remove": os.unlink,
    "call": _call_by_path,
    "send": _send_by_path,
    "dial": _dial,
    "dial by many paths": _dial_by_many_paths,
    "dial by sending": _dial_by_sending,
    "serve": _serve,
    "load": _load,
    "zone": ZoneInfo,
    "look up": lambda name: socket.getaddrinfo(name, 443),
}


async def attempt(message: Message, job: Job) -> None:
    """What comes of each of the tries that the message names: nothing, or the error's name."""
    outcomes = []
    for kind, what in json.loads(str(message.text).partition(" ")[2]):
        try:
            TRIES[kind](what)
            outcomes.append("done")
        except Exception as error:
            outcomes.append(type(error).__name__)
    await job.say(place_of(message), " ".join(outcomes))


DEEDS = {"loop!": loop, "eat!": eat, "fork!": fork, "run!": run, "die!": die, "deafen!": deafen, "tell!": tell}
DEEDS |= {"try!": attempt, "babble!": babble, "hoard!": hoard}


async def misbehave(message: Message, job: Job) -> bool:
    """Before a bot's usual handlers: does what it is told to."""
    for word, deed in DEEDS.items():
        if str(message.text).startswith(word):
            await deed(message, job)
            return True
    return False


if __name__ == "__main__":
    HANDLERS["message"][1].insert(0, misbehave)
    bots.zygote.main(int(sys.argv[1]))
