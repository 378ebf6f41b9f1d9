"""A bot that was away for long works off what waits, however much that is and however little it asks for."""

import json
from dataclasses import replace

import pytest
import pytest_asyncio
from sqlalchemy import text

from chatai.domains.channels import service
from tests.bots.world import QUICK, open_world
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

FIRST, MANY = 5_000_000, 100


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(postgres, template_database, tmp_path_factory, free_port):
    folder = tmp_path_factory.mktemp("backlog")
    # The timer that finds what nobody works on does not come round.
    tuning = replace(QUICK, loaded_updates=8, reconcile_interval=600.0)
    async with open_world(postgres, template_database, folder, free_port(), tuning=tuning, manager=False) as world:
        yield world


async def test_what_wants_no_answer_is_worked_off_without_waiting_for_the_timer(world):
    bot = world.server.sandbox.new_bot("Shop")
    known = await service.check_token(world.actor, bot.token)
    async with world.database.workspace(world.actor.workspace_id) as uow:
        view = await service.add_bot(uow, world.actor, world.assistant_id, known)
    async with world.database.system() as uow:
        for number in range(FIRST, FIRST + MANY):
            person = {"id": number, "is_bot": False, "first_name": "P"}
            message = {"message_id": 1, "date": 1, "chat": {**person, "type": "private"}, "from": person}
            update = {"update_id": number, "message": {**message, "pinned_message": message}}
            values = {"bot": view.id, "workspace": world.actor.workspace_id, "number": number}
            await uow.session.execute(
                text(
                    "INSERT INTO bot_update (bot_id, update_id, workspace_id, chat_id, payload, state, attempts,"
                    " reply_message_ids, error, received_at, sends_begun, sends_repeated) VALUES (:bot, :number,"
                    " :workspace, :number, CAST(:payload AS jsonb), 'new', 0, '[]', '', '2026-01-01', 0, 0)"
                ),
                {**values, "payload": json.dumps(update)},
            )
    await world.start_manager()
    try:

        async def done():
            return [row.state for row in await world.updates(bot)] == ["done"] * MANY

        await eventually(done, patience=60)

        async def seen():  # also that they waited for most of a year
            async with world.database.system() as uow:
                return await uow.run("SELECT wait_p95_ms FROM bot_live WHERE wait_p95_ms > 0")

        assert await eventually(seen, patience=30) == [(2**31 - 1,)]
    finally:
        await world.manager.stop()
