"""A zygote that hangs is found out when something is asked of it, and is replaced."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time

import pytest
import pytest_asyncio

from bots.zygote_client import WENT_WITH_ZYGOTE, ZygoteClient
from bots.zygote_handle import Running, ZygoteError
from tests.bots.test_zygote import gone, started
from tests.bots.world import open_world
from tests.waiting import eventually

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="without it none stands by"),
]

GREETING = "Добро пожаловать!"


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr("bots.zygote_handle.ANSWER_SECONDS", 1.0)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(postgres, template_database, tmp_path_factory, free_port):
    folder = tmp_path_factory.mktemp("hangs")
    async with open_world(postgres, template_database, folder, free_port(), BOT_IDLE_SECONDS="1") as world:
        yield world


async def test_who_asks_a_zygote_that_hangs_is_told_and_the_next_one_served_by_its_copy():
    zygote = ZygoteClient(2)
    worker = await started(zygote)
    first, spare = zygote.pid, await eventually(lambda: zygote.spare_pid)
    await eventually(lambda: zygote.next_pid)
    os.kill(first, signal.SIGSTOP)
    began = time.monotonic()
    outcomes = await asyncio.gather(*(zygote.spawn() for _ in range(6)), return_exceptions=True)
    assert 0.9 < time.monotonic() - began < 10
    assert {type(one) for one in outcomes[1:3]} == {ZygoteError}  # the first got what was forked ahead
    assert await asyncio.wait_for(worker.exited, 10) == WENT_WITH_ZYGOTE
    for pid in (first, worker.pid):
        await gone(pid)
    again = await started(zygote)
    assert zygote.pid == spare
    await zygote.stop()
    for one in (worker, again, *outcomes):
        if not isinstance(one, ZygoteError):
            await one.wire.close()


async def test_one_that_takes_long_but_says_something_meanwhile_is_left_alone():
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    slow = Running(None, ours, asyncio.get_running_loop().create_future())
    asked = asyncio.create_task(slow.ask("ping", 1))
    for _ in range(6):
        slow.heard += 1
        assert not (await asyncio.wait({asked}, timeout=0.4))[0]
    slow.answered({"pong": 1})
    assert await asked == 0
    asked = asyncio.create_task(slow.ask("ping", 2))
    with pytest.raises(ZygoteError, match="did not answer"):
        await asyncio.wait_for(asked, 5)
    for end in (ours, theirs):
        end.close()


async def test_sleeping_bots_answer_although_the_zygote_was_stopped(world):
    bots = [await world.new_bot() for _ in range(3)]
    for bot, view in bots:
        await world.until_state(view, "sleeping")
        assert world.said(bot, world.chat(bot)) == []
    await eventually(lambda: world.manager.zygote.spare_pid)
    stopped = world.manager.zygote.pid
    os.kill(stopped, signal.SIGSTOP)
    for bot, _ in bots:
        world.write(bot, world.chat(bot), "/start")
    for bot, _ in bots:
        await world.until_said(bot, world.chat(bot), GREETING)
        assert len(await world.server.wait_for_calls(bot, "sendMessage")) == 1
    assert world.manager.zygote.pid != stopped


async def test_a_process_that_ends_unheard_is_replaced_although_no_other_bot_wakes(world):
    """The end of a process is told by the zygote; its bot would wait for that for ever."""
    bot, view = await world.new_bot()
    world.write(bot, world.chat(bot), "/start")
    await world.until_said(bot, world.chat(bot), GREETING)
    await eventually(lambda: world.manager.zygote.spare_pid)
    stopped = world.manager.zygote.pid
    os.kill(stopped, signal.SIGSTOP)
    await world.until_said(bot, world.chat(bot), GREETING)
    await eventually(lambda: world.runner(view).worker is None)  # it had nothing to do for a second, and left
    world.write(bot, world.chat(bot), "/start")
    await world.until_said(bot, world.chat(bot), GREETING, GREETING)
    assert world.manager.zygote.pid != stopped
