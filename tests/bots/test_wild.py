"""A bot's process that loops, eats, forks, dies or goes deaf harms itself alone, and is replaced."""

import os
import signal
import sys
from dataclasses import replace

import pytest
import pytest_asyncio

from bots.memory import own_kilobytes
from chatai.domains.channels import service
from tests.bots.test_zygote import is_alive
from tests.bots.world import JOHN, QUICK, open_world
from tests.waiting import eventually

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(sys.platform != "linux", reason="the limits are Linux's"),
]

GREETING = "Добро пожаловать!"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(postgres, template_database, tmp_path_factory, free_port):
    folder, tuning = tmp_path_factory.mktemp("wild"), replace(QUICK, most_unread_bytes=100_000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bots.zygote_launch.ZYGOTE", "tests.bots.wild")
        settings = {"BOT_MEMORY_MB": "64"}
        async with open_world(postgres, template_database, folder, free_port(), tuning=tuning, **settings) as world:
            yield world


async def set_aside(world, bot):
    async def row():
        rows = await world.updates(bot)
        return rows[0] if rows and rows[0].state == "set_aside" else None

    return await eventually(row, patience=90)


@pytest.mark.parametrize(
    ("deed", "why"),
    [
        ("loop!", "did not answer"),
        ("eat!", "out of memory"),
        ("die!", "status -6"),
        ("deafen!", "the process"),
        ("babble!", "said more"),
    ],
)
async def test_what_breaks_its_process_is_set_aside_and_others_go_on(world, deed, why):
    neighbour, other = await world.new_bot("Neighbour")
    world.write(neighbour, world.chat(neighbour), "/start")
    await world.until_said(neighbour, world.chat(neighbour), GREETING)
    pid = world.runner(other).worker.pid
    bot, view = await world.new_bot("Wild")
    world.write(bot, world.chat(bot), deed)
    world.write(bot, world.chat(bot, JOHN), "/start", JOHN)  # somebody else's, to the same bot
    row = await set_aside(world, bot)
    assert row.attempts == world.tuning.tries
    await eventually(lambda: GREETING in world.said(bot, world.chat(bot, JOHN)), patience=60)
    assert world.said(bot, world.chat(bot, JOHN)) == [GREETING]
    assert why in (await world.bot_of(view)).last_error
    assert world.runner(other).worker.pid == pid


@pytest.mark.parametrize("deed", ["fork!", "run!"])
async def test_a_process_starts_no_other_one(world, deed):
    bot, view = await world.new_bot("Wild")
    world.write(bot, world.chat(bot), "/start")
    await world.until_said(bot, world.chat(bot), GREETING)
    pid = world.runner(view).worker.pid
    world.write(bot, world.chat(bot), deed)

    async def refused():
        rows = await world.updates(bot)
        return len(rows) == 2 and rows[1].state == "set_aside" and rows[1]

    row = await eventually(refused, patience=60)
    assert "PermissionError" in row.error
    assert world.runner(view).worker.pid == pid


async def test_nothing_is_inherited_that_is_not_the_bots_own(world, monkeypatch):
    told = []
    for name in ("One", "Two"):
        bot, _ = await world.new_bot(name)
        world.write(bot, world.chat(bot), "tell!")
        said = await eventually(lambda bot=bot: world.said(bot, world.chat(bot)), patience=60)
        told.append(said[0].split(" ", 2))
    (one, other) = told
    assert one[0] != other[0]
    assert one[1] != other[1]
    assert one[2] == other[2] == "0o77 no terminal secrets:"


async def test_a_process_whose_own_memory_is_too_much_is_ended_with_the_reason(world):
    bot, view = await world.new_bot("Heavy")
    world.write(bot, world.chat(bot), "/start")
    await world.until_said(bot, world.chat(bot), GREETING)
    runner = world.runner(view)
    pid = runner.worker.pid
    runner.weighed(pid, own_kilobytes(pid))
    assert runner.worker.pid == pid
    runner.weighed(pid, 64 * 1024 + 1)
    await eventually(lambda: runner.worker is None or runner.worker.pid != pid, patience=30)

    async def told():
        return "BOT_MEMORY_MB is 64" in (await world.bot_of(view)).last_error

    await eventually(told, patience=30)


async def test_a_bot_that_is_always_on_has_its_process_at_once_and_again(world):
    _, view = await world.new_bot("Always")
    async with world.database.workspace(world.actor.workspace_id) as uow:
        await service.set_always_on(uow, world.actor, view.id, True)
    await eventually(lambda: world.manager.fleet.find(view.id) and world.runner(view).bot.always_on, patience=30)
    first = await eventually(lambda: world.runner(view).worker, patience=60)
    os.kill(first.pid, signal.SIGKILL)
    second = await eventually(lambda: (now := world.runner(view).worker) and now.pid != first.pid and now, patience=60)
    # Told to leave it does, and another one takes its place.
    second.wire.send({"type": "stop"})
    await eventually(lambda: (now := world.runner(view).worker) and now.pid != second.pid, patience=60)


async def test_a_zygote_that_dies_is_held_against_no_bot(world):
    bot, view = await world.new_bot("Innocent")
    for number in range(1, world.tuning.crashes_allowed + 3):
        world.write(bot, world.chat(bot), "/start")
        await world.until_said(bot, world.chat(bot), *[GREETING] * number)
        if number <= 3:
            killed = world.manager.zygote.pid
            os.kill(killed, signal.SIGKILL)
            await eventually(lambda killed=killed: world.manager.zygote.pid not in {killed, None}, patience=90)
    assert (await world.bot_of(view)).state in {"running", "starting"}


async def test_a_renewed_zygote_takes_over_worker_by_worker(world):
    bot, view = await world.new_bot("Renewed")
    world.write(bot, world.chat(bot), "/start")
    await world.until_said(bot, world.chat(bot), GREETING)
    old, worker = world.manager.zygote.pid, world.runner(view).worker
    await world.manager.zygote.renew()
    assert world.manager.zygote.pid != old
    assert world.runner(view).worker is worker
    world.write(bot, world.chat(bot), "/start")
    fresh = await eventually(lambda: (now := world.runner(view).worker) and now is not worker and now, patience=60)
    assert fresh.home is world.manager.zygote._running
    await world.until_said(bot, world.chat(bot), GREETING, GREETING)
    assert world.runner(view).restarts == 0
    await eventually(lambda: not world.manager.zygote._old, patience=60)
    await eventually(lambda: not is_alive(old), patience=60)  # one that stood by is not reaped by us
