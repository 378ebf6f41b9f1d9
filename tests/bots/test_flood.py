"""More than a bot can take: it waits, it is refused when that takes too long, and nothing of it is lost."""

import asyncio
import time
from dataclasses import replace

import aiohttp
import pytest
import pytest_asyncio

from bots.receiving import SECRET_HEADER
from tests.bots.test_webhook import address, secret_of, update
from tests.bots.world import ANNA, QUICK, open_world
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOLD = 0.5
SLOW = replace(QUICK, updates_rate=8.0, updates_burst=2, longest_hold=HOLD)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(postgres, template_database, tmp_path_factory, free_port):
    folder = tmp_path_factory.mktemp("flood")
    async with open_world(postgres, template_database, folder, free_port(), webhook=True, tuning=SLOW) as world:
        yield world


async def test_what_would_wait_too_long_is_refused_after_it_has_waited(world):
    bot, view = await world.new_bot()
    headers = {SECRET_HEADER: await secret_of(world, view)}

    async def post(number: int) -> tuple[int, float]:
        began = time.monotonic()
        async with http.post(address(world, view.id), json=update(number, "/help"), headers=headers) as response:
            assert response.status == 200 or response.headers["Retry-After"] == "1"
            return response.status, time.monotonic() - began

    async with aiohttp.ClientSession() as http:
        found = await asyncio.gather(*(post(number) for number in range(1, 21)))
    taken = [seconds for status, seconds in found if status == 200]
    refused = [seconds for status, seconds in found if status == 429]
    assert len(taken) + len(refused) == 20
    assert 2 <= len(taken) == len(await world.updates(bot)) < 20
    # Telegram has so many posts under way: what comes back at once is brought again at once.
    assert min(refused) >= 0.8 * HOLD
    assert max(refused) - min(refused) > 0.02 * HOLD  # and not all in one moment


async def test_what_was_refused_comes_again_and_all_is_answered_once(world):
    bot, _ = await world.new_bot()
    before = world.manager.refusals.total
    people = [{**ANNA, "id": 2000 + number} for number in range(16)]
    chats = [world.chat(bot, person) for person in people]
    for person, chat in zip(people, chats, strict=True):
        world.write(bot, chat, "/help", person)

    async def all_answered():
        return all(world.said(bot, chat) for chat in chats) and not await world.undone(bot)

    await eventually(all_answered, patience=30)
    assert world.manager.refusals.total > before
    assert [len(world.said(bot, chat)) for chat in chats] == [1] * len(chats)
