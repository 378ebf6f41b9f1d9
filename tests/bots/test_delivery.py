"""What Telegram refuses, loses, delays and limits: the answer comes, once, and no other bot feels it."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import text

from bots.sandbox import people
from bots.sandbox.faults import Fault
from chatai.core.ids import new_id
from chatai.engines import EmbeddedValkey
from tests.bots.world import ANNA, JOHN, World, open_world
from tests.fakes.openai import Plan
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

LONG = " ".join(f"word{number}" for number in range(80))


@pytest.fixture(scope="module")
def own_valkey(tmp_path_factory):
    folder = tmp_path_factory.mktemp("valkey")
    server = EmbeddedValkey(folder / "valkey", folder / "run", folder / "valkey.log", durable=False)
    server.start()
    yield server
    server.stop(at_once=True)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(postgres, template_database, tmp_path_factory, free_port, own_valkey):
    folder = tmp_path_factory.mktemp("delivery")
    async with open_world(
        postgres, template_database, folder, free_port(), webhook=True, REDIS_URL=own_valkey.url
    ) as world:
        yield world


@pytest.fixture(autouse=True)
def plain(world):
    world.model.plan = Plan(answers=["an answer"] * 50)
    world.server.sandbox.faults.planned.clear()


async def awake_bot(world: World) -> tuple[Any, Any, Any]:
    """A bot that has answered already, and its chat with Anna."""
    bot, view = await world.new_bot()
    chat = world.chat(bot)
    world.write(bot, chat, "/start")
    await world.until_said(bot, chat, "Добро пожаловать!")
    return bot, view, chat


def fail(world: World, bot: Any, *methods: str, **how: Any) -> None:
    world.server.sandbox.faults.add(Fault(bot_id=bot.id, methods=frozenset(methods), **how))


def calls(bot: Any, *methods: str) -> list[dict[str, Any]]:
    return [call for call in bot.calls if call["method"] in methods]


async def group_of(world: World, bot: Any) -> Any:
    """A group that the bot has greeted."""
    group = people.new_group(world.server.sandbox, bot, "Yard", JOHN)
    await eventually(lambda: world.said(bot, group))
    return group


async def until_answered(world: World, bot: Any, group: Any, words: str) -> None:
    async def answered() -> bool:
        return world.said(bot, group)[1:] == [words] and not await world.undone(bot)

    await eventually(answered, patience=60)


async def events(world: World, view: Any) -> list[str]:
    async with world.database.system() as uow:
        statement = text("SELECT event FROM bot_event WHERE bot_id = :bot")
        return list((await uow.session.execute(statement, {"bot": view.id})).scalars())


async def last_row(world: World, bot: Any) -> Any:
    return (await world.updates(bot))[-1]


async def test_a_storm_of_429_holds_back_one_bot_alone(world):
    stormy, view, chat = await awake_bot(world)
    calm, _, calm_chat = await awake_bot(world)
    fail(world, stormy, "sendmessage", status=429, retry_after=2, remaining=3)
    world.write(stormy, chat, "Well?")
    await eventually(lambda: calls(stormy, "sendMessage")[-1]["status"] == 429)
    for _ in range(3):
        before, started = len(world.said(calm, calm_chat)), time.monotonic()
        world.write(calm, calm_chat, "And you?")
        await eventually(lambda before=before: len(world.said(calm, calm_chat)) > before)
        assert time.monotonic() - started < 5  # the storm holds its bot back for longer
    await world.until_said(stormy, chat, "Добро пожаловать!", "an answer")
    tried = [call for call in calls(stormy, "sendMessage") if call["status"] in {200, 429}][-4:]
    assert [call["status"] for call in tried] == [429, 429, 429, 200]
    assert all(later["time"] - earlier["time"] >= 2 for earlier, later in pairwise(tried))
    row = await last_row(world, stormy)
    assert (row.state, row.sends_begun, row.sends_repeated, row.attempts) == ("done", 1, 0, 1)
    assert world.runner(view).figures.throttled_total == 3

    async def told() -> bool:
        return (await events(world, view)).count("throttled") == 3

    await eventually(told)


async def test_what_telegram_may_have_is_sent_again_and_counted(world):
    bot, view, chat = await awake_bot(world)
    fail(world, bot, "sendmessage", reset="after", remaining=1)
    world.write(bot, chat, "Well?")
    await world.until_said(bot, chat, "Добро пожаловать!", "an answer", "an answer")  # the one window
    row = await last_row(world, bot)
    assert (row.state, row.sends_repeated, len(row.reply_message_ids)) == ("done", 1, 1)

    async def told() -> bool:
        return "sends_repeated" in await events(world, view)

    await eventually(told)


@pytest.mark.parametrize("how", [{"status": 502}, {"reset": "before"}], ids=["502", "reset"])
async def test_what_telegram_does_not_do_comes_once_in_the_end(world, how):
    bot, _, chat = await awake_bot(world)
    fail(world, bot, "sendmessage", remaining=2, **how)
    world.write(bot, chat, "Well?")
    await world.until_said(bot, chat, "Добро пожаловать!", "an answer")
    assert (await last_row(world, bot)).sends_repeated == 2  # nobody can tell it from what was done


async def test_a_refusal_of_the_entities_is_no_repetition(world):
    bot, _, chat = await awake_bot(world)
    world.model.plan.answers = ["a **bold** answer"]
    fail(world, bot, "sendmessage", status=400, description="Bad Request: can't parse entities", remaining=1)
    world.write(bot, chat, "Well?")
    await world.until_said(bot, chat, "Добро пожаловать!", "a bold answer")
    row = await last_row(world, bot)
    assert (row.sends_begun, row.sends_repeated) == (1, 0)


async def test_a_slow_telegram_gets_no_message_twice(world):
    bot, _, chat = await awake_bot(world)
    fail(world, bot, delay_ms=1500, remaining=3)
    world.write(bot, chat, "Well?")
    await world.until_said(bot, chat, "Добро пожаловать!", "an answer")
    assert (await last_row(world, bot)).sends_repeated == 0


async def test_a_chat_that_blocks_the_bot_while_the_answer_grows(world):
    bot, _, chat = await awake_bot(world)
    world.model.plan = Plan(answers=[LONG, "later"], token_delay=0.1)
    for words in ("Tell me", "And then?"):
        world.write(bot, chat, words)
    await world.server.wait_for_calls(bot, "sendMessageDraft", 1)
    people.block(world.server.sandbox, bot, chat, ANNA)

    async def settled() -> bool:
        return not await world.undone(bot)

    await eventually(settled, patience=60)
    assert world.said(bot, chat) == ["Добро пожаловать!"]
    rows = [row for row in await world.updates(bot) if "message" in row.payload][-2:]
    assert [row.state for row in rows] == ["failed", "failed"]
    assert "blocked" in rows[0].error
    refused = [call for call in bot.calls if call["status"] == 403]
    assert len(refused) == 1  # the second question is not even tried
    world.model.plan = Plan(answers=["again"])
    world.write(bot, chat, "I am back")  # which unblocks
    await eventually(lambda: world.said(bot, chat)[-1:] == ["again"], patience=60)


async def test_a_token_that_is_revoked_in_the_middle(world):
    bot, view, chat = await awake_bot(world)
    neighbour, _, neighbours_chat = await awake_bot(world)
    fail(world, bot, "sendmessage", status=401)
    world.write(bot, chat, "Well?")
    await world.until_state(view, "revoked")
    world.write(neighbour, neighbours_chat, "And you?")
    await world.until_said(neighbour, neighbours_chat, "Добро пожаловать!", "an answer")
    assert (await last_row(world, bot)).state in {"new", "taken"}  # answered once there is a new token


@pytest.mark.parametrize(
    "refusal",
    [{"status": 404, "description": "Not Found: method not found"}, {"status": 400, "description": "Bad Request: no"}],
    ids=["a server without drafts", "a chat without drafts"],
)
async def test_without_drafts_the_answer_grows_by_edits(world, refusal):
    bot, _, chat = await awake_bot(world)
    fail(world, bot, "sendmessagedraft", **refusal)
    for number in range(2):
        world.model.plan = Plan(answers=[LONG], token_delay=0.05)
        world.write(bot, chat, "Tell me")
        await world.until_said(bot, chat, "Добро пожаловать!", *([LONG] * (number + 1)))
    assert len(calls(bot, "editMessageText")) >= 2
    assert len(calls(bot, "sendMessageDraft")) == (1 if refusal["status"] == 404 else 2)


async def test_an_edit_that_is_refused_ends_in_a_new_message(world):
    bot, _, _ = await awake_bot(world)
    group = await group_of(world, bot)
    world.model.plan = Plan(answers=[LONG], token_delay=0.08)
    fail(world, bot, "editmessagetext", status=400, description="Bad Request: message can't be edited")
    world.write(bot, group, f"@{bot.username} tell me", JOHN)
    await until_answered(world, bot, group, LONG)
    assert (await last_row(world, bot)).sends_repeated == 0


async def test_a_group_that_moves_while_the_answer_grows_gets_it_where_it_is(world):
    bot, _, _ = await awake_bot(world)
    group = people.new_group(world.server.sandbox, bot, "Yard", JOHN, kind="group")
    await eventually(lambda: world.said(bot, group))
    world.model.plan = Plan(answers=[LONG], token_delay=0.08)
    world.write(bot, group, f"@{bot.username} tell me", JOHN)
    await eventually(lambda: len(world.said(bot, group)) == 2)  # its first words
    grown = people.migrate(world.server.sandbox, bot, group, JOHN)
    await eventually(lambda: LONG in world.said(bot, grown), patience=60)
    moved = [call for call in bot.calls if call.get("description", "").endswith("upgraded to a supergroup chat")]
    assert len(moved) <= 2  # it is found out once, not with each call


async def test_a_manager_that_lost_the_bot_begins_no_message(world):
    bot, view, chat = await awake_bot(world)
    world.model.plan = Plan(answers=[LONG, LONG], token_delay=0.03)
    world.write(bot, chat, "Tell me")
    await world.server.wait_for_calls(bot, "sendMessageDraft", 1)
    async with world.database.system() as uow:  # another one takes it, and falls silent at once
        statement = text("UPDATE bot_lease SET fence = fence + 1, manager_id = :other WHERE bot_id = :bot")
        await uow.session.execute(statement, {"other": new_id(), "bot": view.id})
    await world.until_said(bot, chat, "Добро пожаловать!", LONG)
    row = await last_row(world, bot)
    assert (row.attempts, row.sends_begun, row.sends_repeated) == (2, 1, 0)


async def test_the_published_limits_are_kept_so_that_telegram_never_says_429(world):
    bot, _, _ = await awake_bot(world)
    limits = world.server.sandbox.limits
    group = await group_of(world, bot)
    strangers = [{**ANNA, "id": 7000 + number} for number in range(12)]
    limits.forget()
    limits.enforced, limits.chat_burst = True, 4
    try:
        world.model.plan = Plan(answers=[LONG] * 20, token_delay=0.03)
        world.write(bot, group, f"@{bot.username} tell me", JOHN)
        for person in strangers:
            world.write(bot, world.chat(bot, person), "Tell me", person)
        for person in strangers:
            await world.until_said(bot, world.chat(bot, person), LONG)
        await until_answered(world, bot, group, LONG)
        assert [call for call in bot.calls if call["status"] == 429] == []
    finally:
        limits.enforced = False


async def test_redis_killed_and_back_while_bots_answer(world, own_valkey):
    bot, _, chat = await awake_bot(world)
    own_valkey.stop(at_once=True)
    started = time.monotonic()
    world.write(bot, chat, "Well?")
    await world.until_said(bot, chat, "Добро пожаловать!", "an answer")
    assert time.monotonic() - started < 10
    assert not world.manager.fleet.permits.shared
    own_valkey.start()
    await eventually(lambda: world.manager.fleet.permits.shared)
    world.write(bot, chat, "And now?")
    await world.until_said(bot, chat, "Добро пожаловать!", "an answer", "an answer")
    assert world.manager.fleet.permits.shared
