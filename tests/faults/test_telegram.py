"""Trouble at Telegram for one bot: it comes through it, and its neighbour does not notice."""

from __future__ import annotations

import asyncio
import time

import aiohttp
import pytest
import pytest_asyncio

from bots.receiving import SECRET_HEADER
from bots.sandbox.faults import Fault
from chatai.domains.channels import service
from tests.bots.test_webhook import address, secret_of, update
from tests.bots.world import open_world
from tests.fakes.openai import Plan
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

GREETING = "Добро пожаловать!"
SENDING = frozenset({"sendmessage"})
QUICK_ENOUGH = 5.0  # seconds; far less than any of the troubles lasts, far more than an answer takes


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(postgres, template_database, tmp_path_factory, free_port):
    folder = tmp_path_factory.mktemp("telegram")
    async with open_world(postgres, template_database, folder, free_port(), webhook=True) as world:
        yield world


@pytest_asyncio.fixture(loop_scope="module")
async def pair(world):
    """Two bots that live: one that will have trouble, and its neighbour."""
    world.model.plan = Plan()
    world.server.sandbox.faults.planned.clear()
    bots = [(await world.new_bot())[0] for _ in range(2)]
    for bot in bots:
        world.write(bot, world.chat(bot), "/start")
        await world.until_said(bot, world.chat(bot), GREETING)
    return bots


async def undisturbed(world, neighbour) -> None:
    """The neighbour is asked and answers, soon."""
    began = time.monotonic()
    world.write(neighbour, world.chat(neighbour), "/start")
    await world.until_said(neighbour, world.chat(neighbour), GREETING, GREETING)
    assert time.monotonic() - began < QUICK_ENOUGH


@pytest.mark.parametrize(
    "trouble",
    [
        {"delay_ms": 8000, "remaining": 1},
        {"status": 429, "retry_after": 8, "remaining": 1},
        {"status": 502, "remaining": 4},
        {"reset": "before", "remaining": 4},
    ],
    ids=["slow", "too many requests", "server errors", "resets"],
)
async def test_an_answer_comes_through_once_and_the_neighbour_does_not_wait(world, pair, trouble):
    troubled, neighbour = pair
    world.server.sandbox.faults.add(Fault(bot_id=troubled.id, methods=SENDING, **trouble))
    world.write(troubled, world.chat(troubled), "/start")
    await undisturbed(world, neighbour)
    assert world.said(troubled, world.chat(troubled)) == [GREETING]  # it is still in trouble
    await world.until_said(troubled, world.chat(troubled), GREETING, GREETING)


async def test_an_answer_that_telegram_took_without_saying_so_is_counted(world, pair):
    troubled, neighbour = pair
    world.server.sandbox.faults.add(Fault(bot_id=troubled.id, methods=SENDING, reset="after", remaining=1))
    world.write(troubled, world.chat(troubled), "/start")
    await world.until_said(troubled, world.chat(troubled), GREETING, GREETING, GREETING)
    assert [row.sends_repeated for row in await world.updates(troubled)] == [0, 1]
    await undisturbed(world, neighbour)


async def test_a_token_that_is_refused_in_the_middle_stops_that_bot_alone(world, pair):
    troubled, neighbour = pair
    world.model.plan = Plan(answers=["word " * 60], token_delay=0.05)
    world.write(troubled, world.chat(troubled), "Tell me everything")
    await eventually(lambda: world.model.chats())
    world.server.sandbox.revoke(troubled)

    async def stopped():
        async with world.database.workspace(world.actor.workspace_id) as uow:
            bots = await service.list_bots(uow, world.actor)
        return [bot.state for bot in bots if bot.telegram_id == troubled.id] == ["revoked"]

    await eventually(stopped, patience=60)
    await undisturbed(world, neighbour)
    assert (await world.updates(troubled))[-1].state in {"new", "taken"}  # it waits for a token that works


async def test_the_same_update_ten_times_at_once_is_answered_once(world):
    bot, view = await world.new_bot()
    chat = world.chat(bot)
    headers = {SECRET_HEADER: await secret_of(world, view)}
    async with aiohttp.ClientSession(headers=headers) as http:

        async def post() -> int:
            async with http.post(address(world, view.id), json=update(77, "/start")) as answer:
                return answer.status

        assert await asyncio.gather(*(post() for _ in range(10))) == [200] * 10
    await world.until_said(bot, chat, GREETING)
    world.write(bot, chat, "/start")  # a later one, so that a second answer to the first would stand before it
    await world.until_said(bot, chat, GREETING, GREETING)
