"""What a bot manager that bots wait for begins before it has a loop, and what becomes of that."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest
import pytest_asyncio

from bots.own_child import OwnChild
from bots.start import pid_file
from chatai.domains.channels import service
from tests.bots.test_zygote import is_alive
from tests.bots.world import World, open_world
from tests.fakes.openai import Plan
from tests.waiting import eventually

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="this system has no descriptors of processes"),
]
in_no_loop = pytest.mark.asyncio(loop_scope="function")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(postgres, template_database, tmp_path_factory, free_port):
    folder = tmp_path_factory.mktemp("ahead")
    async with open_world(postgres, template_database, folder, free_port(), manager=False) as world:
        world.model.plan = Plan(always="So it is.")
        yield world


@asynccontextmanager
async def started() -> AsyncIterator[asyncio.subprocess.Process]:
    """`chatai bots`, with the world's environment."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "chatai.cli", "bots")
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def status(world: World) -> dict[str, Any] | None:
    """What the manager tells of itself; None while it does not listen."""
    try:
        async with (
            aiohttp.ClientSession() as http,
            http.get(f"http://127.0.0.1:{world.settings.bots_port}/status") as answer,
        ):
            return dict(await answer.json())
    except aiohttp.ClientError:
        return None


async def wanted_bot(world: World):
    bot = world.server.sandbox.new_bot("Shop")
    known = await service.check_token(world.actor, bot.token)
    async with world.database.workspace(world.actor.workspace_id) as uow:
        await service.add_bot(uow, world.actor, world.assistant_id, known)
    return bot


def is_free(file: Path) -> bool:
    """Whether nobody holds this PID file."""
    with file.open() as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def child_that(does: str) -> OwnChild:
    child = OwnChild.of(os.posix_spawn("/bin/sh", ["sh", "-c", does], {}))
    assert child is not None
    return child


async def test_answers_are_made_by_a_fork_and_after_its_end_by_a_new_program(world):
    bot = await wanted_bot(world)
    chat = world.chat(bot)
    async with started() as process:
        pids = (await eventually(lambda: status(world), patience=60))["pids"]
        forked = psutil.Process(pids["answers"][0])
        assert (forked.ppid(), forked.name()) == (process.pid, "chatai-answers")
        assert forked.cmdline() == psutil.Process(process.pid).cmdline()
        assert os.getsid(forked.pid) == forked.pid
        assert {Path(opened.path).name for opened in forked.open_files()} == {"api.log", "audit.log"}
        world.write(bot, chat, "Is it so?")
        await world.until_said(bot, chat, "So it is.")
        forked.kill()

        async def another() -> psutil.Process | None:
            now = (await status(world) or pids)["pids"]["answers"]
            return psutil.Process(now[0]) if now and now != pids["answers"] else None

        assert "bots.answers" in (await eventually(another, patience=60)).cmdline()
        zygote = (await status(world) or {})["pids"]["zygote"]
        os.kill(zygote, signal.SIGKILL)
        await eventually(lambda: not psutil.pid_exists(zygote), patience=60)
        world.write(bot, chat, "Is it still so?")
        await world.until_said(bot, chat, "So it is.", "So it is.")


async def test_what_was_begun_ends_with_a_manager_that_is_killed_and_holds_nothing_of_its(world):
    await wanted_bot(world)
    async with started() as process:
        await eventually(lambda: status(world), patience=60)
        begun = [child.pid for child in psutil.Process(process.pid).children()]
        assert len(begun) == 1 + world.settings.bot_answer_processes
        process.kill()
        await process.wait()
        assert is_free(pid_file(world.settings))
        await eventually(lambda: not any(map(is_alive, begun)), patience=60)


async def test_one_that_is_stopped_before_it_listens_leaves_nothing(world):
    await wanted_bot(world)
    file = pid_file(world.settings)
    file.unlink(missing_ok=True)
    async with started() as process:
        await eventually(lambda: file.exists() and psutil.Process(process.pid).children(), patience=60)
        begun = [child.pid for child in psutil.Process(process.pid).children()]
        process.send_signal(signal.SIGTERM)
        await process.wait()
        assert not file.exists()
        await eventually(lambda: not any(map(is_alive, begun)), patience=60)


@in_no_loop
async def test_a_child_that_no_loop_has_started_is_waited_for_by_several():
    child = child_that("exec sleep 600")
    waiting = [asyncio.create_task(child.wait()) for _ in range(2)]
    child.kill()
    assert await asyncio.gather(*waiting) == [-signal.SIGKILL] * 2
    assert await child.wait() == -signal.SIGKILL
    child.kill()  # nobody


@in_no_loop
async def test_a_child_that_has_ended_before_is_told_of():
    child = child_that("exit 3")
    assert await child.wait() == 3
