"""PostgreSQL is there and refuses what the bots write, for a while: nothing is lost, and no bot stays deaf."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import psycopg
import pytest
import pytest_asyncio
from psycopg import sql

from tests.bots.world import World, open_world
from tests.fakes.openai import Plan
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

DISK_FULL, FAULT = "53100", "XX000"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(postgres, template_database, tmp_path_factory, free_port):
    folder = tmp_path_factory.mktemp("refusals")
    async with open_world(postgres, template_database, folder, free_port()) as world:
        yield world


@asynccontextmanager
async def refusing(world: World, event: str, code: str) -> AsyncIterator[Callable[[int], Awaitable[None]]]:
    """What meets the inbox's rows so is refused with this SQLSTATE. Gives what waits until that happened so often."""
    assert world.settings.database_url
    async with await psycopg.AsyncConnection.connect(
        world.settings.database_url.get_secret_value(), autocommit=True
    ) as owner:
        await owner.execute("CREATE SEQUENCE refused")  # which counts also what is rolled back
        await owner.execute(
            sql.SQL(
                "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS "
                "$$ BEGIN PERFORM nextval('refused'); RAISE EXCEPTION 'refused' USING ERRCODE = {}; END $$"
            ).format(sql.Literal(code))
        )
        await owner.execute(
            sql.SQL("CREATE TRIGGER refuse BEFORE {} ON bot_update FOR EACH ROW EXECUTE FUNCTION refuse()").format(
                sql.SQL(event)
            )
        )

        async def so_often(times: int) -> bool:
            [(number, called)] = await (await owner.execute("SELECT last_value, is_called FROM refused")).fetchall()
            return called and number >= times

        try:
            yield lambda times: eventually(lambda: so_often(times), patience=60)
        finally:
            await owner.execute("DROP FUNCTION refuse() CASCADE")
            await owner.execute("DROP SEQUENCE refused")


@pytest.mark.parametrize("code", [DISK_FULL, FAULT])
async def test_a_polled_bot_is_heard_again_when_its_updates_can_be_stored(world, code):
    world.model.plan = Plan()
    bot, view = await world.new_bot()
    chat = world.chat(bot)
    async with refusing(world, "INSERT", code) as refused:
        world.write(bot, chat, "/start")
        await refused(3)
        if code == FAULT:  # which nobody has foreseen: it is told
            await world.until_state(view, "failed")
    await world.until_said(bot, chat, "Добро пожаловать!")
    await world.until_state(view, "running", "sleeping")


async def test_what_was_answered_is_marked_when_there_is_room_again(world):
    world.model.plan = Plan(answers=["An answer."])
    bot, _ = await world.new_bot()
    chat = world.chat(bot)
    async with refusing(world, "UPDATE OF state", DISK_FULL) as refused:
        world.write(bot, chat, "A question?")
        await eventually(lambda: world.said(bot, chat) == ["An answer."], patience=60)
        await refused(3)
    await world.until_said(bot, chat, "An answer.")
    assert len(await world.server.wait_for_calls(bot, "sendMessage")) == 1
