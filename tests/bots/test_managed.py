"""A person makes a bot with one of ours; webhooks are looked after."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from sqlalchemy import text

from bots.sandbox import managing
from bots.sandbox.people import person
from chatai.domains.channels import events, service
from tests.bots.world import ANNA, World, open_world
from tests.waiting import eventually


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(postgres, template_database, tmp_path_factory, free_port) -> AsyncIterator[World]:
    folder = tmp_path_factory.mktemp("managed")
    async with open_world(postgres, template_database, folder, free_port(), webhook=True) as opened:
        yield opened


pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_person_makes_a_bot_that_answers(world: World) -> None:
    manager, view = await world.new_bot("Agency")
    manager.can_manage_bots = True
    chat = world.chat(manager)
    async with world.database.workspace(world.actor.workspace_id) as uow:
        await service.set_made_bots(uow, world.actor, view.id, "share")
    world.write(manager, chat, "/newbot")
    await eventually(lambda: any("https://t.me/newbot/" in said for said in world.said(manager, chat)), patience=60)

    (asked,) = await world.server.wait_for_calls(manager, "sendMessage")
    ((key,),) = asked["parameters"]["reply_markup"]["keyboard"]
    assert key["text"] == "Создать своего бота"
    assert f"/{key['request_managed_bot']['suggested_username']}" in world.said(manager, chat)[0]
    owner = person(world.server.sandbox, ANNA["id"])
    made = managing.make_managed(world.server.sandbox, manager, owner, "Anna's café")
    await eventually(lambda: any(f"@{made.username}" in said for said in world.said(manager, chat)), patience=60)
    own = world.chat(made)
    world.write(made, own, "/start")
    await world.until_said(made, own, "Добро пожаловать!")
    async with world.database.workspace(world.actor.workspace_id) as uow:
        (bot,) = [one for one in await service.list_bots(uow, world.actor) if one.telegram_id == made.id]
    assert bot.managed_by == view.id


async def test_newbot_is_an_ordinary_word_for_a_bot_that_takes_none(world: World) -> None:
    bot, _ = await world.new_bot("Plain")
    chat = world.chat(bot)
    world.write(bot, chat, "/newbot")
    await eventually(lambda: world.said(bot, chat), patience=60)
    assert not any("t.me/newbot" in said for said in world.said(bot, chat))


async def look(world: World, view) -> None:
    await world.manager.fleet.webhooks.check(world.runner(view))


async def test_a_webhook_that_fails_is_told_on_the_bots_page(world: World) -> None:
    bot, view = await world.new_bot("Shop")
    bot.webhook.last_error_date, bot.webhook.last_error_message = 1_800_000_000, "Connection refused"
    await look(world, view)
    seen = await world.bot_of(view)
    assert (seen.webhook_error, seen.webhook_error_at is not None) == ("Connection refused", True)


async def told(world: World, view) -> list[tuple[str, str]]:
    """What the bot's log says of its webhook, the oldest first."""
    await world.manager.fleet.events.flush()
    async with world.database.workspace(world.actor.workspace_id) as uow:
        found = await events.list_events(uow, world.actor, view.id)
    about = {"bot_conflict", "bot_recovered", "webhook_taken", "webhook_removed", "webhook_error"}
    return [(one.event, one.sentence("en")) for one in reversed(found) if one.event in about]


async def test_a_webhook_that_somebody_took_away_is_set_again_and_nothing_is_lost(world: World) -> None:
    bot, view = await world.new_bot("Shop")
    ours = bot.webhook.url
    await world.server.perform(bot, "deleteWebhook")
    chat = world.chat(bot)
    world.write(bot, chat, "/start")  # waits at Telegram
    await look(world, view)
    assert bot.webhook.url == ours
    await world.until_said(bot, chat, "Добро пожаловать!")
    conflict = await world.until_state(view, "conflict")
    assert (conflict.state_reason, conflict.last_error) == ("bot_webhook_removed", "")
    assert [event for event, _ in await told(world, view)] == ["bot_conflict", "webhook_removed"]
    await look(world, view)
    await world.until_state(view, "running", "sleeping")
    assert [event for event, _ in await told(world, view)] == ["bot_conflict", "webhook_removed", "bot_recovered"]


async def test_a_foreign_webhook_is_named_until_a_round_later_it_is_still_ours(world: World) -> None:
    bot, view = await world.new_bot("Shop")
    ours, fleet = bot.webhook.url, world.manager.fleet
    for _ in range(2):  # what is there sets its own again before the next round
        await world.server.perform(bot, "setWebhook", url="http://127.0.0.1:9/elsewhere")
        bot.webhook.last_error_date, bot.webhook.last_error_message = 1_800_000_000, "their trouble"
        await look(world, view)
        assert bot.webhook.url == ours
        assert fleet.state_of(view.id) == "conflict"
    conflict = await world.until_state(view, "conflict")
    assert (conflict.state_reason, conflict.last_error) == ("bot_webhook_taken", "127.0.0.1")
    assert conflict.webhook_error == ""
    chat = world.chat(bot)
    world.write(bot, chat, "/start")
    await world.until_said(bot, chat, "Добро пожаловать!")
    assert world.runner(view).worker is not None
    assert fleet.state_of(view.id) == "conflict"  # its process lives, and still the page does not flicker
    lines = await told(world, view)
    assert [event for event, _ in lines] == ["bot_conflict", "webhook_taken", "webhook_taken"]
    assert "127.0.0.1" in lines[1][1]
    await look(world, view)
    await world.until_state(view, "running", "sleeping")


async def test_a_conflict_outlives_a_change_of_the_bot_and_ends_when_somebody_starts_it(world: World) -> None:
    bot, view = await world.new_bot("Shop")
    await world.server.perform(bot, "deleteWebhook")
    await look(world, view)
    await world.until_state(view, "conflict")
    before = world.runner(view)
    async with world.database.workspace(world.actor.workspace_id) as uow:
        await service.set_always_on(uow, world.actor, view.id, True)
    fleet = world.manager.fleet
    after = await eventually(lambda: (now := fleet.find(view.id)) is not None and now is not before and now)
    await eventually(lambda: after.worker is not None, patience=60)
    assert (await world.bot_of(view)).state == "conflict"
    async with world.database.workspace(world.actor.workspace_id) as uow:
        await service.start_bot(uow, world.actor, view.id)
    await world.until_state(view, "running")


async def test_a_webhook_of_another_version_asks_for_what_this_one_understands(world: World) -> None:
    bot, view = await world.new_bot("Shop")
    bot.allowed_updates = ["message"]
    await look(world, view)
    assert "managed_bot" in bot.allowed_updates


async def test_a_token_that_was_revoked_while_nobody_wrote_is_noticed(world: World) -> None:
    bot, view = await world.new_bot("Shop")
    world.server.sandbox.revoke(bot)
    await look(world, view)
    await world.until_state(view, "revoked")
    async with world.database.system() as uow:
        events = text("SELECT count(*) FROM audit_event WHERE subject_id = :bot AND action = 'channels:bot:revoked'")
        assert (await uow.session.execute(events, {"bot": view.id})).scalar_one() == 1
