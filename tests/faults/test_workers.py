"""A bot's process that misbehaves: it ends, the update that made it do so is set aside, and nobody else feels it."""

from __future__ import annotations

import contextlib

import psutil
import pytest
import pytest_asyncio

from bots import zygote_launch
from tests.bots.world import open_world
from tests.faults.poisoned import KINDS
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

GREETING = "Добро пожаловать!"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(postgres, template_database, tmp_path_factory, free_port):
    folder = tmp_path_factory.mktemp("workers")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zygote_launch, "ZYGOTE", "tests.faults.poisoned")
        async with open_world(postgres, template_database, folder, free_port(), webhook=True) as world:
            yield world


def poisoned_processes() -> set[int]:
    """All that was ever forked from the zygote and lives."""
    found = set()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if "tests.faults.poisoned" in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE:
                found.add(process.pid)
    return found


@pytest.mark.parametrize("kind", KINDS)
async def test_a_process_that_misbehaves_harms_nobody(world, kind):
    bot, view = await world.new_bot()
    neighbour, other = await world.new_bot()
    await world.until_state(other, "running")
    undisturbed = world.runner(other).worker.pid
    world.write(bot, world.chat(bot), f"/poison {kind}")
    world.write(neighbour, world.chat(neighbour), "/start")
    await world.until_said(neighbour, world.chat(neighbour), GREETING)

    async def set_aside():
        (row,) = await world.updates(bot)
        return row.state == "set_aside"

    await eventually(set_aside, patience=60)
    world.write(bot, world.chat(bot), "/start")
    await world.until_said(bot, world.chat(bot), GREETING)
    assert (await world.updates(bot))[0].attempts == world.tuning.tries
    # Where the kernel lets a bot's process not fork at all, that is an error like others; the rest end it.
    assert kind == "fork" or world.runner(view).restarts >= world.tuning.tries
    assert world.runner(other).worker.pid == undisturbed
    assert world.runner(other).restarts == 0
    await world.until_state(view, "running")
    workers = {runner.worker.pid for runner in world.manager.fleet.runners if runner.worker}
    zygote = world.manager.zygote
    # Nothing else that was forked is left.
    await eventually(
        lambda: poisoned_processes() - {zygote.next_pid} == {zygote.pid, zygote.spare_pid} | workers, patience=10
    )
