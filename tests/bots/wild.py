"""A zygote whose workers do what no worker should, when they are told to. `python -m tests.bots.wild FD`."""

from __future__ import annotations

import os
import random
import sys
import uuid

from aiogram import Dispatcher, Router
from aiogram.types import Message

import bots.zygote
from bots.handlers.addressing import place_of
from bots.job import Job


async def loop(message: Message, job: Job) -> None:
    while True:
        pass


async def eat(message: Message, job: Job) -> None:
    eaten = []
    while True:
        eaten.append(bytearray(2**20))


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


DEEDS = {"loop!": loop, "eat!": eat, "fork!": fork, "run!": run, "die!": die, "deafen!": deafen, "tell!": tell}


def build_dispatcher() -> Dispatcher:
    """A bot's usual handlers, with the deeds before them."""
    dispatcher = _usual()
    router = Router(name="wild")
    for word, deed in DEEDS.items():
        router.message.register(deed, lambda message, word=word: message.text == word)
    dispatcher.include_router(router)
    dispatcher.sub_routers.insert(0, dispatcher.sub_routers.pop())
    return dispatcher


_usual = bots.zygote.build_dispatcher

if __name__ == "__main__":
    bots.zygote.build_dispatcher = build_dispatcher
    bots.zygote.main(int(sys.argv[1]))
