"""What is told of the bots while they lag, are held back by Telegram, or were given up."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from sqlalchemy import text

from bots.sandbox.faults import Fault
from chatai.domains.channels import overview, service
from chatai.domains.channels.schemas import BotQuery
from tests.bots.world import ANNA, QUICK, World, open_world
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

FIRST, MANY = 5_000_000, 40
HOUR = 3600.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(postgres, template_database, tmp_path_factory, free_port):
    folder = tmp_path_factory.mktemp("seeing")
    tuning = replace(QUICK, loaded_updates=8)
    async with open_world(postgres, template_database, folder, free_port(), tuning=tuning) as world:
        yield world


async def gauges(world: World) -> dict[str, float]:
    async with aiohttp.ClientSession() as http, http.get(f"{base(world)}/metrics") as response:
        lines = [line for line in (await response.text()).splitlines() if not line.startswith("#")]
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


async def load(world: World) -> dict[str, Any]:
    await world.manager.fleet._live.write()
    async with aiohttp.ClientSession() as http, http.get(f"{base(world)}/metrics/telegram-rate-limit") as response:
        return json.loads(await response.text())


def base(world: World) -> str:
    return f"http://127.0.0.1:{world.settings.bots_port}"


async def store_messages(world: World, view) -> None:
    """As many people wrote an hour ago, and nobody has begun to answer them."""
    row = text(
        "INSERT INTO bot_update (bot_id, update_id, workspace_id, chat_id, payload, state, attempts,"
        " reply_message_ids, error, received_at, sends_begun, sends_repeated) VALUES (:bot, :number,"
        " :workspace, :chat, CAST(:payload AS jsonb), 'new', 0, '[]', '', now() - interval '1 hour', 0, 0)"
    )
    async with world.database.system() as uow:
        for number in range(FIRST, FIRST + MANY):
            person = {**ANNA, "id": number}
            world.server.sandbox.private_chat(world.server.sandbox.bots[view.telegram_id], person)
            message = {"message_id": 1, "date": 1, "chat": {"id": number, "type": "private"}, "from": person}
            update = {"update_id": number, "message": {**message, "text": "/start"}}
            values = {"bot": view.id, "workspace": world.actor.workspace_id, "number": number, "chat": number}
            await uow.session.execute(row, {**values, "payload": json.dumps(update)})
    world.manager.fleet.look_again()


async def test_a_long_queue_and_a_stuck_bot_are_told_as_they_are(world):
    _, view = await world.new_bot()
    fault = Fault(bot_id=view.telegram_id, methods=frozenset({"sendmessage"}), status=429, retry_after=2)
    world.server.sandbox.faults.add(fault)
    await store_messages(world, view)
    await eventually(lambda: world.manager.status()["waiting_updates"] == MANY)
    await eventually(lambda: world.runner(view).figures.throttled_total)
    assert world.runner(view).known <= world.tuning.loaded_updates
    assert world.manager.status()["oldest_update_seconds"] >= HOUR
    told = await gauges(world)
    assert told["chatai_bots_queued"] + told["chatai_bots_in_work"] == MANY
    assert HOUR <= told["chatai_bots_oldest_update_seconds"] < HOUR + 100
    found = await load(world)
    (ours,) = [one for one in found["bots"] if one["bot_id"] == str(view.id)]
    assert ours["queued"] + ours["in_work"] == found["queue"]["waiting"] + found["queue"]["in_work"] == MANY
    for figures in (ours, found["queue"]):
        assert figures["oldest_update_ms"] >= HOUR * 1000
        assert figures["delay_p95_ms"] >= HOUR * 1000
    assert (ours["limits_respected"], found["limits_respected"]) == (False, False)
    async with world.database.workspace(world.actor.workspace_id) as uow:
        page = await overview.list_page(uow, world.actor, BotQuery())
    assert [line.queue for line in page.lines if line.id == view.id] == [MANY]

    world.server.sandbox.faults.planned.clear()
    await eventually(lambda: not world.manager.status()["waiting_updates"], patience=60)
    told = await gauges(world)
    assert (told["chatai_bots_queued"], told["chatai_bots_oldest_update_seconds"]) == (0, 0)
    found = await load(world)
    (ours,) = [one for one in found["bots"] if one["bot_id"] == str(view.id)]
    assert (ours["queued"], ours["in_work"], ours["oldest_update_ms"]) == (0, 0, 0)
    # The pause of two seconds is over, and that Telegram had to say so is still told.
    assert (ours["state"], ours["paused_until"], ours["limits_respected"]) == ("live", None, False)


async def test_bots_that_were_given_up_are_told_with_their_reason(world):
    bot, view = await world.new_bot()
    before = (await gauges(world)).get('chatai_bots{state="revoked"}', 0)
    world.server.sandbox.revoke(bot)
    await world.until_state(view, "revoked")
    for _ in range(2):  # by the manager that gave it up, and by the next one, which never tried
        assert world.manager.fleet.find(view.id) is None
        assert (await gauges(world))['chatai_bots{state="revoked"}'] == before + 1
        assert world.manager.status()["given_up"] == before + 1
        found = await load(world)
        assert found["states"]["revoked"] == before + 1
        (ours,) = [one for one in found["trouble"] if one["bot_id"] == str(view.id)]
        assert (ours["state"], ours["reason"], ours["undone_updates"]) == ("revoked", "bot_token_revoked", 0)
        await world.manager.stop()
        await world.start_manager()
        await eventually(lambda: world.manager.fleet.given_up)
    async with world.database.workspace(world.actor.workspace_id) as uow:
        await service.stop_bot(uow, world.actor, view.id)
    await eventually(lambda: not world.manager.fleet.given_up)
    found = await load(world)
    assert found["trouble"] == []
    assert found["states"]["stopped"] == 1
