"""What waits at Telegram while the way that updates come changes, or while PostgreSQL is away: answered, and once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from chatai.domains.channels import events
from tests.bots.world import JOHN, World, allow_connections, open_world
from tests.fakes.openai import Plan
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(postgres, template_database, tmp_path_factory, free_port) -> AsyncIterator[World]:
    folder = tmp_path_factory.mktemp("switch")
    async with open_world(postgres, template_database, folder, free_port()) as opened:
        yield opened


async def restart(world: World, mode: str, meanwhile: Callable[[], None] = lambda: None) -> None:
    """The manager begins anew with a public address or without one."""
    await world.manager.stop()
    meanwhile()
    address = f"http://127.0.0.1:{world.settings.bots_port}" if mode == "webhook" else ""
    world.settings = world.settings.model_copy(update={"public_url": address})
    await world.start_manager()


@pytest.mark.parametrize(("before", "after"), [("polling", "webhook"), ("webhook", "polling")])
async def test_what_waits_comes_the_other_way(world: World, before: str, after: str) -> None:
    await restart(world, before)
    bot, view = await world.new_bot()
    anna, john = world.chat(bot), world.chat(bot, JOHN)
    world.model.plan = Plan(answers=["first"])
    world.write(bot, anna, "before")
    await world.until_said(bot, anna, "first")
    assert (await world.bot_of(view)).mode == before

    def meanwhile() -> None:
        world.model.plan = Plan(answers=["while it was away"] * 4)
        for number in range(2):
            world.write(bot, anna, f"вопрос {number}")
            world.write(bot, john, f"question {number}", JOHN)

    await restart(world, after, meanwhile)
    await world.until_said(bot, anna, "first", *["while it was away"] * 2)
    await world.until_said(bot, john, *["while it was away"] * 2)
    assert (await world.bot_of(view)).mode == after
    assert bool(bot.webhook.url) == (after == "webhook")
    await eventually(lambda: not bot.updates)
    assert [row.state for row in await world.updates(bot)] == ["done"] * 5
    assert len(await world.server.wait_for_calls(bot, "sendMessage", 5)) == 5


async def test_a_poll_is_confirmed_only_once_its_updates_are_stored(world: World, postgres) -> None:
    await restart(world, "polling")
    bot, _ = await world.new_bot()
    chat = world.chat(bot)
    world.model.plan = Plan(answers=["nothing is lost"])

    def polls() -> list[int]:
        return [int(call["parameters"].get("offset", 0)) for call in bot.calls if call["method"] == "getUpdates"]

    await asyncio.to_thread(allow_connections, world, postgres, False)
    try:
        world.write(bot, chat, "are you there?")
        (number,) = bot.updates
        before = len(polls())
        await eventually(lambda: len(polls()) >= before + 3, patience=60)  # it came, and came again
        assert all(offset <= number for offset in polls())
        assert list(bot.updates) == [number]
    finally:
        await asyncio.to_thread(allow_connections, world, postgres, True)
    await world.until_said(bot, chat, "nothing is lost")
    await eventually(lambda: not bot.updates)
    assert [row.update_id for row in await world.updates(bot)] == [number]
    assert len(await world.server.wait_for_calls(bot, "sendMessage")) == 1


async def test_what_is_no_update_is_passed_over_and_stands_in_the_bots_log(world: World) -> None:
    await restart(world, "polling")
    bot, view = await world.new_bot()
    chat = world.chat(bot)
    world.model.plan = Plan(answers=["fine"])
    bot.updates[1] = {"update_id": 1, "message": {"date": 2**70}}
    world.write(bot, chat, "hello")
    await world.until_said(bot, chat, "fine")
    await world.manager.fleet.events.flush()
    async with world.database.workspace(world.actor.workspace_id) as uow:
        found = await events.list_events(uow, world.actor, view.id)
    (told,) = [one for one in found if one.event == "updates_passed_over"]
    assert told.detail == {"number": 1, "why": "a number is out of range"}
    assert told.sentence("ru").endswith("a number is out of range.")
