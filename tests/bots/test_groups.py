"""Each bot's process has a cgroup of its own, and the kernel ends the one that takes too much."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from bots.groups import PREFIX, WorkerGroups
from bots.zygote_client import ZygoteClient
from chatai.core import cgroup
from chatai.domains.channels import events
from chatai.launcher import doctor
from tests.bots.test_zygote import started
from tests.bots.world import QUICK, World, open_world
from tests.cgroups import handed_over_or_skipped, members, run_in, until_removed
from tests.waiting import eventually

GREETING = "Добро пожаловать!"
MEGABYTES = 64
NEVER = 2**31 - 1
"""No process has this id."""


@pytest.fixture
def place() -> Iterator[tuple[Path, str]]:
    """A group that is ours, and a controller that it has."""
    with handed_over_or_skipped("the kernel lets us make no groups") as found:
        yield found


@pytest.fixture
def memory() -> Iterator[Path]:
    """A group that is ours and has the controller `memory`."""
    with handed_over_or_skipped("no memory can be limited by cgroup v2", cgroup.MEMORY) as (group, _):
        yield group


def a_process() -> subprocess.Popen[bytes]:
    """It waits until it is killed."""
    return subprocess.Popen(["cat"], stdin=subprocess.PIPE)


async def test_a_worker_is_put_into_its_group_which_goes_with_it(place):
    group, controller = place
    groups = WorkerGroups(group, MEGABYTES, [controller, "no-such"])
    zygote = ZygoteClient(groups=groups)
    try:
        one, other = await started(zygote), await started(zygote)
        for worker in (one, other):
            own = groups.folder / f"worker-{worker.number}"
            await eventually(lambda own=own, pid=worker.pid: own.exists() and members(own) == [pid])
        one.wire.send({"type": "stop"})
        assert await asyncio.wait_for(one.exited, 10) == 0
        await eventually(lambda: not (groups.folder / f"worker-{one.number}").exists())
        zygote.kill(other)
        assert await asyncio.wait_for(other.exited, 10) == -signal.SIGKILL
        assert not await other.was_too_large()
        assert not (groups.folder / f"worker-{other.number}").exists()
    finally:
        await zygote.stop()
        await asyncio.to_thread(groups.close)
    assert not groups.folder.exists()
    for worker in (one, other):
        await worker.wire.close()


def test_a_process_that_is_somebody_elses_is_not_moved(place):
    group, controller = place
    groups = WorkerGroups(group, MEGABYTES, [controller])
    with a_process() as process:
        groups.enter(1, process.pid, NEVER)
        groups.enter(2, NEVER, os.getpid())
        groups.enter(3, process.pid, os.getpid())
        assert not groups.leave(1).result(10)
        assert not groups.leave(2).result(10)
        assert os.listdir(groups.folder).count("worker-3") == 1
        assert members(groups.folder / "worker-3") == [process.pid]
        process.kill()
    groups.close()
    assert not groups.folder.exists()
    groups.enter(4, os.getpid(), os.getppid())
    assert not groups.leave(4).result(10)


MANAGER = """
import os, subprocess, sys
from pathlib import Path
from bots.groups import WorkerGroups
groups = WorkerGroups(Path(sys.argv[1]), 64, [sys.argv[2]])
left = subprocess.Popen(["sleep", "1000"])
groups.enter(1, left.pid, os.getpid())
groups.enter(2, 2**31 - 1, os.getpid())
groups.enter(3, 2**31 - 1, os.getpid())
groups.leave(3).result()
print(groups.folder, left.pid, flush=True)
sys.stdin.read()
"""


def test_what_a_killed_manager_left_is_removed_once_it_is_empty(place):
    group, controller = place
    foreign = group / "foreign"
    foreign.mkdir()
    with (
        run_in(group, MANAGER, str(group), controller) as dead,
        run_in(group, MANAGER, str(group), controller) as alive,
    ):
        told = [one.stdout.readline().split() for one in (dead, alive)]
        (left, busy), (kept, other) = [(Path(folder), int(pid)) for folder, pid in told]
        assert left.name == f"{PREFIX}{dead.pid}"
        assert {dead.pid, alive.pid} <= set(members(group / cgroup.LEAF))
        dead.kill()
        dead.wait()
        WorkerGroups(group, MEGABYTES, [controller]).close()
        assert sorted(path.name for path in left.glob("worker-*")) == ["worker-1"]
        assert members(left / "worker-1") == [busy]
        os.kill(busy, signal.SIGKILL)
        until_removed(left / "worker-1")
        WorkerGroups(group, MEGABYTES, [controller]).close()
        assert not left.exists()
        # What is another's, or of a manager that lives, is not touched, empty or not.
        assert foreign.exists()
        assert sorted(path.name for path in kept.glob("worker-*")) == ["worker-1", "worker-2"]
        alive.kill()
        os.kill(other, signal.SIGKILL)
    foreign.rmdir()


EAT = """
import mmap, sys
print("here", flush=True)
sys.stdin.readline()
with mmap.mmap(-1, 2**30) as eaten:
    for place in range(0, int(sys.argv[1]) * 2**20, 4096):
        eaten[place] = 1
print("eaten", flush=True)
sys.stdin.read()
"""


@contextmanager
def eater(megabytes: int, groups: WorkerGroups, number: int) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process in a group, that has tried to take so much, and what it says then."""
    with run_in(None, EAT, str(megabytes)) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "here\n"
        groups.enter(number, process.pid, os.getpid())
        groups.leave(NEVER).result(10)  # it is through with what came before
        assert members(groups.folder / f"worker-{number}") == [process.pid]
        process.stdin.write("\n")
        process.stdin.flush()
        yield process, process.stdout.readline()
        process.kill()


def test_the_kernel_ends_what_takes_more_than_it_may(memory):
    groups = WorkerGroups(memory, MEGABYTES)
    with eater(MEGABYTES - 16, groups, 1) as (_, said):
        own = groups.folder / "worker-1"
        assert said == "eaten\n"
        assert (own / "memory.max").read_text() == f"{MEGABYTES * 2**20}\n"
        assert (own / "memory.oom.group").read_text() == "1\n"
        for file, limit in (("memory.swap.max", "0\n"), ("pids.max", "16\n")):
            assert not (own / file).exists() or (own / file).read_text() == limit
    assert groups.leave(1).result(10) is False
    with eater(MEGABYTES + 16, groups, 2) as (process, said):
        assert said == ""
        assert process.wait() == -signal.SIGKILL
    assert groups.leave(2).result(10) is True
    groups.close()
    assert not groups.folder.exists()


def test_a_process_that_went_because_all_together_took_too_much_was_not_too_large(memory):
    groups = WorkerGroups(memory, 1000)
    cgroup.write(memory / "memory.max", MEGABYTES * 2**20)
    with eater(MEGABYTES + 16, groups, 1) as (process, said):
        assert said == ""
        assert process.wait() == -signal.SIGKILL
        counts = (groups.folder / "worker-1" / "memory.events").read_text().splitlines()
        assert "oom 0" in counts
        assert "oom_kill 0" not in counts
    assert groups.leave(1).result(10) is False
    groups.close()


@pytest_asyncio.fixture
async def world(memory, postgres, template_database, tmp_path_factory, free_port, monkeypatch) -> AsyncIterator[World]:
    monkeypatch.setattr("bots.zygote_launch.ZYGOTE", "tests.bots.wild")
    groups = WorkerGroups(memory, MEGABYTES)
    folder, settings = tmp_path_factory.mktemp("groups"), {"BOT_MEMORY_MB": str(MEGABYTES)}
    async with open_world(postgres, template_database, folder, free_port(), groups=groups, **settings) as world:
        yield world
    await asyncio.to_thread(groups.close)
    assert not groups.folder.exists()


async def test_the_bot_says_that_its_process_took_too_much_and_others_go_on(world):
    neighbour, other = await world.new_bot("Neighbour")
    world.write(neighbour, world.chat(neighbour), "/start")
    await world.until_said(neighbour, world.chat(neighbour), GREETING)
    pid = world.runner(other).worker.pid
    bot, view = await world.new_bot("Wild")
    world.write(bot, world.chat(bot), "hoard!")

    async def set_aside():
        rows = await world.updates(bot)
        return rows and rows[0].state == "set_aside"

    await eventually(set_aside, patience=90)
    assert (await world.bot_of(view)).last_error == f"out of memory: {MEGABYTES} MB of its own, and BOT_MEMORY_MB is 64"
    assert world.runner(view).restarts == QUICK.tries

    async def told():
        async with world.database.workspace(world.actor.workspace_id) as uow:
            found = await events.list_events(uow, world.actor, view.id)
        return [one.event for one in found].count("memory_exceeded") == QUICK.tries

    await eventually(told)
    assert world.runner(other).worker.pid == pid
    assert world.manager.status()["memory_limits"] == "cgroup"


async def test_the_bot_manager_takes_the_group_that_it_was_started_in(
    memory, postgres, template_database, tmp_path_factory, free_port
):
    folder = tmp_path_factory.mktemp("started")
    async with open_world(postgres, template_database, folder, free_port(), manager=False) as world:
        enter = f"echo $$ > {memory}/cgroup.procs && exec {sys.executable} -m bots.start"
        process = await asyncio.create_subprocess_exec("sh", "-c", enter)
        try:
            bot, _ = await world.new_bot()
            world.write(bot, world.chat(bot), "/start")
            await world.until_said(bot, world.chat(bot), GREETING)
            (folder,) = memory.glob(f"{PREFIX}*")
            assert folder.name == f"{PREFIX}{process.pid}"
            assert process.pid in members(memory / cgroup.LEAF)
            workers = [members(group) for group in folder.glob("worker-*")]
            assert sum(map(len, workers)) >= 1
            assert not {pid for worker in workers for pid in worker} & set(members(memory / cgroup.LEAF))
            found = [one.text async for one in doctor.findings(world.settings) if one.subject == "memory"]
            assert found == ["bots' processes are limited by a cgroup each"]
        finally:
            process.terminate()
            assert await process.wait() == 0
    assert not list(memory.glob(f"{PREFIX}*"))
