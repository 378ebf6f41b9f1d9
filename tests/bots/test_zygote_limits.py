"""What the kernel refuses the zygote, for want of processes or descriptors, costs no bot its process."""

from __future__ import annotations

import asyncio
import itertools
import os
import resource
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bots.zygote_client import ZygoteClient
from bots.zygote_handle import WorkerProcess, ZygoteError
from tests.bots.test_zygote import started
from tests.bots.world import QUICK, open_world
from tests.waiting import eventually

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the limits are Linux's")

GREETING = "Добро пожаловать!"


@asynccontextmanager
async def a_zygote() -> AsyncIterator[ZygoteClient]:
    """One whose copy stands by, and which has forked a worker ahead."""
    client = ZygoteClient()
    await client.start()
    await eventually(lambda: client.spare_pid and client.next_pid)
    yield client
    await client.stop()


async def refused(zygote: ZygoteClient) -> str:
    """Asks for workers until one is refused; why. The one that was forked ahead is given out first."""
    for _ in range(2):
        try:
            worker = await asyncio.wait_for(zygote.spawn(), 5)
        except ZygoteError as error:
            return str(error)
        await worker.wire.close()
    raise AssertionError("none was refused")


def lowest_free(pid: int) -> int:
    """The descriptor that the process would get next."""
    used = {int(entry.name) for entry in Path(f"/proc/{pid}/fd").iterdir()}
    return next(number for number in itertools.count() if number not in used)


async def still_there(worker: WorkerProcess) -> None:
    worker.wire.send({"type": "ping", "beat": 7})
    assert await asyncio.wait_for(worker.wire.receive(), 5) == {"type": "pong", "beat": 7}


async def test_a_fork_that_the_kernel_refuses_ends_nobody(monkeypatch):
    monkeypatch.setattr("bots.zygote_launch.ZYGOTE", "tests.bots.cramped")
    monkeypatch.setattr("bots.zygote_client.SPARE_RETRY_SECONDS", 0.1)
    async with a_zygote() as zygote:
        worker, pid, spare = await started(zygote), zygote.pid, zygote.spare_pid
        os.kill(pid, signal.SIGUSR1)
        assert "Resource temporarily unavailable" in await refused(zygote)
        os.kill(spare, signal.SIGKILL)  # and no copy can be made
        await eventually(lambda: zygote.spare_pid is None)
        for reason in await asyncio.gather(*(refused(zygote) for _ in range(20))):
            assert "Resource temporarily unavailable" in reason
        await still_there(worker)
        assert zygote.pid == pid
        assert list(zygote._running.exits) == [worker.number]
        os.kill(pid, signal.SIGUSR2)
        another = await started(zygote)
        await eventually(lambda: zygote.spare_pid not in {None, spare})
        await still_there(worker)
        for one in (worker, another):
            await one.wire.close()


async def test_a_zygote_without_descriptors_refuses_and_goes_on(monkeypatch):
    monkeypatch.setattr("bots.zygote_client.SPARE_RETRY_SECONDS", 0.1)
    async with a_zygote() as zygote:
        worker, pid, spare = await started(zygote), zygote.pid, zygote.spare_pid
        await eventually(lambda: zygote.next_pid)
        limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (lowest_free(pid), limits[1]))
        assert "Too many open files" in await refused(zygote)
        os.kill(spare, signal.SIGKILL)
        await eventually(lambda: zygote.spare_pid is None)
        assert "Too many open files" in await refused(zygote)
        await still_there(worker)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
        another = await started(zygote)
        await eventually(lambda: zygote.spare_pid not in {None, spare})
        assert zygote.pid == pid
        for one in (worker, another):
            await one.wire.close()


async def test_a_manager_without_descriptors_says_so_and_goes_on():
    async with a_zygote() as zygote:
        worker, limits = await started(zygote), resource.getrlimit(resource.RLIMIT_NOFILE)
        await eventually(lambda: zygote.next_pid)
        taken = [os.dup(0)]
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(map(int, os.listdir("/proc/self/fd"))) + 1, limits[1]))
        try:
            with pytest.raises(OSError, match="Too many open files"):
                while True:
                    taken.append(os.dup(0))
            assert "Too many open files" in await refused(zygote)
        finally:
            for descriptor in taken:
                os.close(descriptor)
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        another = await started(zygote)
        await still_there(worker)
        for one in (worker, another):
            await one.wire.close()


async def test_a_bot_whose_process_cannot_be_forked_says_why_and_answers_when_it_can(
    postgres, template_database, tmp_path, free_port, monkeypatch
):
    monkeypatch.setattr("bots.zygote_launch.ZYGOTE", "tests.bots.cramped")
    async with open_world(postgres, template_database, tmp_path, free_port(), tuning=QUICK) as world:
        live, _ = await world.new_bot()
        bot, view = await world.new_bot()
        for one in (live, bot):
            world.write(one, world.chat(one), "/start")
            await world.until_said(one, world.chat(one), GREETING)
        zygote = world.manager.zygote
        await eventually(lambda: zygote.next_pid)
        os.kill(zygote.pid, signal.SIGUSR1)
        os.kill(zygote.next_pid, signal.SIGKILL)
        world.signal_worker(view, signal.SIGKILL)
        world.write(bot, world.chat(bot), "/start")

        async def told() -> bool:
            return (await world.bot_of(view)).state_reason == "bot_has_no_process"

        await eventually(told)
        now = await world.bot_of(view)
        assert now.state == "starting"
        assert "Resource temporarily unavailable" in now.last_error
        assert "tries again" in now.reason("en")
        assert "попробует снова" in now.reason("ru")
        world.write(live, world.chat(live), "/start")
        await world.until_said(live, world.chat(live), GREETING, GREETING)
        os.kill(zygote.pid, signal.SIGUSR2)
        await world.until_said(bot, world.chat(bot), GREETING, GREETING)
        assert (await world.until_state(view, "running")).state_reason == ""
