"""No more bots' processes live than may, and every bot gets its turn."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio

from bots import places
from bots.places import EACH_BYTES, Places, memory_bytes, most_live
from chatai.domains.channels import service
from chatai.domains.channels.schemas import BotView
from tests.bots.test_zygote import is_alive
from tests.bots.world import World, open_world
from tests.fakes.openai import Plan
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

GREETING = "Добро пожаловать!"
ANSWER = " ".join(f"word{number}" for number in range(60))
MOST = 2


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(postgres, template_database, tmp_path_factory, free_port):
    folder = tmp_path_factory.mktemp("places")
    async with open_world(
        postgres, template_database, folder, free_port(), BOT_LIVE_MOST=str(MOST), TELEGRAM_STREAMING="edits"
    ) as world:
        yield world


@asynccontextmanager
async def counted(world: World) -> AsyncIterator[list[int]]:
    """How many processes the bots had, again and again: those that the manager serves, and those that are not gone."""
    seen: list[int] = []
    pids: set[int] = set()

    async def count() -> None:
        while True:
            pids.update(runner.pid for runner in world.manager.fleet.runners if runner.pid)
            pids.intersection_update([pid for pid in pids if is_alive(pid)])
            seen.append(len(pids))
            await asyncio.sleep(0.01)

    counting = asyncio.create_task(count())
    yield seen
    counting.cancel()
    assert len(seen) > 10
    assert max(seen) <= MOST


async def test_more_bots_than_may_live_are_all_answered(world):
    async with counted(world) as seen:
        bots = [await world.new_bot() for _ in range(4)]
        for _ in range(3):
            for bot, _ in bots:
                world.write(bot, world.chat(bot), "/start")
        for bot, _ in bots:
            await world.until_said(bot, world.chat(bot), *[GREETING] * 3)
            assert len(await world.server.wait_for_calls(bot, "sendMessage", 3)) == 3
    assert max(seen) == MOST
    assert sum(runner.restarts for runner in world.manager.fleet.runners) == 0


async def keep(world: World, view: BotView, *, always_on: bool) -> None:
    async with world.database.workspace(world.actor.workspace_id) as uow:
        await service.set_always_on(uow, world.actor, view.id, always_on=always_on)

    def known() -> bool:
        runner = world.manager.fleet.find(view.id)  # there is none while the one before ends
        return runner is not None and runner.bot.always_on == always_on

    await eventually(known)


async def test_who_is_always_on_stays_and_the_others_take_turns(world):
    stays, view = await world.new_bot()
    await keep(world, view, always_on=True)
    await eventually(lambda: world.runner(view).pid)
    await world.until_state(view, "running")
    pid = world.runner(view).pid
    async with counted(world):
        bots = [await world.new_bot() for _ in range(3)]
        for bot, _ in bots:
            world.write(bot, world.chat(bot), "/start")
        for bot, _ in bots:
            await world.until_said(bot, world.chat(bot), GREETING)
        world.write(stays, world.chat(stays), "/start")
        await world.until_said(stays, world.chat(stays), GREETING)
    assert world.runner(view).pid == pid
    await keep(world, view, always_on=False)


async def test_where_nobody_is_idle_a_bot_waits_and_says_why(world):
    bots = [await world.new_bot() for _ in range(3)]
    world.model.plan, asked = Plan(answers=[ANSWER, ANSWER], token_delay=2), len(world.model.chats())
    async with counted(world):
        for bot, _ in bots[:2]:
            world.write(bot, world.chat(bot), "Tell me everything")
        await eventually(lambda: len(world.model.chats()) == asked + 2, patience=60)
        waits, view = bots[2]
        world.write(waits, world.chat(waits), "/start")

        async def told() -> bool:
            return (await world.bot_of(view)).state_reason == "bots_crowded"

        await eventually(told)
        now = await world.bot_of(view)
        assert now.state == "starting"
        assert "BOT_LIVE_MOST" in now.reason("en")
        assert "BOT_LIVE_MOST" in now.reason("ru")
        world.model.plan.token_delay = 0
        await world.until_said(waits, world.chat(waits), GREETING)
        for bot, _ in bots[:2]:
            await world.until_said(bot, world.chat(bot), ANSWER)
    assert (await world.until_state(view, "running")).state_reason == ""


async def test_who_is_always_busy_makes_room_in_the_end(world, monkeypatch):
    monkeypatch.setattr(places, "TURN_SECONDS", 1.5)
    bots = [await world.new_bot() for _ in range(3)]
    world.model.plan = Plan(always=ANSWER, token_delay=0.02)
    async with counted(world):
        for bot, _ in bots[:2]:
            for number in range(8):
                world.write(bot, world.chat(bot), f"Question {number}")
            await eventually(lambda bot=bot: world.said(bot, world.chat(bot)), patience=60)
        waits, _ = bots[2]
        world.write(waits, world.chat(waits), "/start")
        await eventually(lambda: world.said(waits, world.chat(waits)) == [GREETING], patience=60)
        assert any(len(world.said(bot, world.chat(bot))) < 8 for bot, _ in bots[:2])
        for bot, _ in bots[:2]:
            await world.until_said(bot, world.chat(bot), *[ANSWER] * 8)
    world.model.plan = Plan()


class Guest:
    """Takes places without a process. What it was told is in `told`."""

    def __init__(self, idle_since: float | None = None, *, stays: bool = False) -> None:
        self.idle_since, self.stays, self.told = idle_since, stays, False

    def make_room(self) -> None:
        self.told = True


async def test_who_came_first_is_served_first_by_who_was_idle_longest():
    there = [Guest(30.0), Guest(20.0, stays=True), Guest(10.0), Guest(None)]
    house = Places(len(there))
    for guest in there:
        await house.take(guest)
    comers = [Guest() for _ in range(4)]
    waiting = [asyncio.create_task(house.take(guest)) for guest in comers]
    await eventually(lambda: [guest.told for guest in there] == [True, False, True, False])
    waiting[1].cancel()
    await asyncio.wait({waiting[1]})
    house.leave(comers[1])
    house.leave(there[2])
    await waiting[0]
    house.leave(there[0])
    await waiting[2]
    assert not waiting[3].done()
    there[3].idle_since = 40.0
    await eventually(lambda: there[3].told)
    house.leave(there[3])
    await waiting[3]
    house.leave(there[1])
    await house.take(Guest())


async def test_by_default_the_memory_decides():
    assert most_live(7) == 7
    assert 0 < most_live(0) * EACH_BYTES <= memory_bytes()
