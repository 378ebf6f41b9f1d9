"""Connecting bots, against a real Bot API exchange with the sandbox."""

import asyncio
import re
from uuid import UUID

import pytest
from sqlalchemy import text

from bots.sandbox.faults import Fault
from chatai.core.actor import Actor, Role
from chatai.core.database import Database, get_database
from chatai.core.errors import ChatAIError
from chatai.core.settings import get_settings
from chatai.domains.assistants import service as assistants
from chatai.domains.assistants.errors import AssistantNotFound
from chatai.domains.assistants.schemas import AssistantDraft
from chatai.domains.channels import listing, service, states, tokens
from chatai.domains.channels.errors import (
    BotAlreadyHere,
    BotInUse,
    BotNotFound,
    MayNotManageBots,
    NotAToken,
    TelegramBusy,
    TelegramUnreachable,
    TokenRefused,
    TooManyBots,
    WrongBot,
)
from chatai.domains.channels.ports import TelegramRefusal
from chatai.domains.channels.states import StateRow
from tests.api.conftest import work_off
from tests.waiting import eventually


async def an_assistant(database: Database, actor: Actor):
    async with database.workspace(actor.workspace_id) as uow:
        draft = AssistantDraft(
            name="Shop", description="", instructions="", greeting="Hello!", model="", temperature=0.2
        )
        return (await assistants.create_assistant(uow, actor, draft)).id


async def add(database: Database, actor: Actor, token: str, assistant_id=None):
    assistant_id = assistant_id or await an_assistant(database, actor)
    known = await service.check_token(actor, token)
    async with database.workspace(actor.workspace_id) as uow:
        return await service.add_bot(uow, actor, assistant_id, known)


async def test_a_bot_is_connected_and_its_token_is_nowhere_in_clear(database, actor, sandbox, owner_url):
    bot = sandbox.sandbox.new_bot("Shop")
    view = await add(database, actor, f"  {bot.token}\n")
    assert (view.telegram_id, view.username, view.name) == (bot.id, bot.username, "Shop")
    assert (view.desired_state, view.state, view.reason("en")) == ("running", "starting", "")
    async with database.system() as uow:
        rows = (await uow.session.execute(text("SELECT to_jsonb(bot)::text FROM bot"))).scalars().all()
        audit = (await uow.session.execute(text("SELECT to_jsonb(a)::text FROM audit_event a"))).scalars().all()
        (managed,) = await service.list_managed(uow, [view.id])
    secret = bot.token.partition(":")[2]
    assert rows
    assert any("channels:bot:create" in row for row in audit)
    assert not [row for row in [*rows, *audit, repr(managed), repr(view)] if secret in row]
    assert service.token_of(managed) == bot.token
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,256}", managed.webhook_secret)


COMMANDS = text("""
SELECT args ->> 'bot_id' FROM procrastinate_jobs WHERE task_name = 'list_bot_commands' AND status = 'todo'
""")


async def told_of_commands(database: Database) -> list[UUID]:
    """The bots whose commands are to be told, after that was done."""
    async with database.system() as uow:
        bots = [UUID(found) for found in (await uow.session.execute(COMMANDS)).scalars()]
        await uow.session.execute(text("DELETE FROM procrastinate_jobs WHERE task_name = 'list_bot_commands'"))
    for bot_id in bots:
        await listing.tell(database, bot_id)
    return bots


async def test_people_see_the_commands_in_their_language(database, actor, sandbox):
    bot = sandbox.sandbox.new_bot("Shop")
    view = await add(database, actor, bot.token)
    await work_off(database)
    await get_database().close()
    assert await told_of_commands(database) == []  # the job is done
    calls = await sandbox.wait_for_calls(bot, "setMyCommands", 4)
    assert {call["parameters"]["scope"]["type"] for call in calls} == {"all_private_chats", "all_group_chats"}
    known = await service.check_token(actor, sandbox.sandbox.revoke(bot))
    await listing.tell(database, view.id)  # with the token that is of no use any more
    async with database.workspace(actor.workspace_id) as uow:
        await tokens.replace_token(uow, actor, view.id, known)
    assert await told_of_commands(database) == [view.id]
    await sandbox.wait_for_calls(bot, "setMyCommands", 8)


async def test_after_an_upgrade_running_bots_are_told_of_the_new_commands(database, actor, sandbox, monkeypatch):
    old = await add(database, actor, sandbox.sandbox.new_bot("Old").token)
    stopped = await add(database, actor, sandbox.sandbox.new_bot("Stopped").token)
    assert await told_of_commands(database) == [old.id, stopped.id]
    assert await listing.enqueue_outdated(database) == 0
    monkeypatch.setattr(listing, "LIST_VERSION", "a newer list")
    new = await add(database, actor, sandbox.sandbox.new_bot("New").token)
    async with database.workspace(actor.workspace_id) as uow:
        await service.stop_bot(uow, actor, stopped.id)
    assert await listing.enqueue_outdated(database) == 1  # the new one's job waits already
    assert await listing.enqueue_outdated(database) == 0
    assert sorted(await told_of_commands(database)) == sorted([old.id, new.id])
    assert await listing.enqueue_outdated(database) == 0


async def test_a_bot_that_is_not_taken_keeps_its_commands(database, actor, stranger, sandbox):
    theirs, other = sandbox.sandbox.new_bot("Shop"), sandbox.sandbox.new_bot("Other")
    await add(database, stranger, theirs.token)
    mine = await add(database, actor, other.token)
    await told_of_commands(database)
    before = [call for bot in (theirs, other) for call in bot.calls if call["method"] == "setMyCommands"]
    with pytest.raises(BotInUse):
        await add(database, actor, theirs.token)
    known = await service.check_token(actor, theirs.token)
    with pytest.raises(WrongBot):
        async with database.workspace(actor.workspace_id) as uow:
            await tokens.replace_token(uow, actor, mine.id, known)
    assert await told_of_commands(database) == []
    assert [call for bot in (theirs, other) for call in bot.calls if call["method"] == "setMyCommands"] == before


async def test_commands_wait_while_telegram_is_away_and_end_with_the_bot(database, actor, sandbox):
    bot = sandbox.sandbox.new_bot("Shop")
    view = await add(database, actor, bot.token)
    sandbox.sandbox.faults.add(Fault(methods=frozenset({"setmycommands"}), status=429, retry_after=7, remaining=1))
    with pytest.raises(TelegramRefusal):
        await listing.tell(database, view.id)
    async with database.workspace(actor.workspace_id) as uow:
        await service.delete_bot(uow, actor, view.id)
    calls = bot.call_count
    await listing.tell(database, view.id)
    assert bot.call_count == calls


@pytest.mark.parametrize(
    "token",
    ["", "hello", "123:short", "123:../../evil", "1234567:" + "a" * 34, "1234567:" + "a" * 36, "1234567:" + "я" * 35],
)
async def test_what_is_no_token_is_not_sent_to_telegram(database, actor, sandbox, token):
    with pytest.raises(NotAToken):
        await add(database, actor, token)


async def test_a_token_that_telegram_does_not_know(database, actor, sandbox):
    with pytest.raises(TokenRefused):
        await add(database, actor, "1234567:" + "a" * 35)


async def test_telegram_away_or_busy_is_not_called_a_wrong_token(database, actor, sandbox):
    bot = sandbox.sandbox.new_bot("Shop")
    sandbox.sandbox.faults.add(Fault(methods=frozenset({"getme"}), status=502, remaining=1))
    with pytest.raises(TelegramUnreachable):
        await add(database, actor, bot.token)
    sandbox.sandbox.faults.add(Fault(methods=frozenset({"getme"}), reset="before", remaining=1))
    with pytest.raises(TelegramUnreachable):
        await add(database, actor, bot.token)
    sandbox.sandbox.faults.add(Fault(methods=frozenset({"getme"}), status=429, retry_after=7, remaining=1))
    with pytest.raises(TelegramBusy) as busy:
        await add(database, actor, bot.token)
    assert "7" in busy.value.sentence("ru")
    assert (await add(database, actor, bot.token)).username == bot.username


async def test_the_same_bot_twice(database, actor, stranger, sandbox):
    bot = sandbox.sandbox.new_bot("Shop")
    await add(database, actor, bot.token)
    with pytest.raises(BotAlreadyHere) as here:
        await add(database, actor, bot.token)
    assert f"@{bot.username}" in here.value.sentence("en")
    with pytest.raises(BotInUse):
        await add(database, stranger, bot.token)


async def test_every_sentence_is_there_in_both_languages_and_holds_no_token(database, actor, sandbox):
    token = "1234567:" + "S" * 35
    with pytest.raises(ChatAIError) as refused:
        await add(database, actor, token)
    for language in ("en", "ru"):
        assert refused.value.sentence(language)
        assert token not in refused.value.sentence(language)
    assert token not in repr(refused.value)
    assert refused.value.__cause__ is None


async def test_starting_stopping_and_removing(database, actor, sandbox):
    view = await add(database, actor, sandbox.sandbox.new_bot("Shop").token)
    await states.write(database, [StateRow(view.id, 0, "revoked", "bot_token_revoked", "Unauthorized")])
    async with database.workspace(actor.workspace_id) as uow:
        (listed,) = await service.list_bots(uow, actor)
        assert (listed.state, listed.last_error) == ("revoked", "Unauthorized")
        assert "BotFather" in listed.reason("en")
        assert "BotFather" in listed.reason("ru")
        await service.stop_bot(uow, actor, view.id)
    async with database.workspace(actor.workspace_id) as uow:
        stopped = await service.get_bot(uow, actor, view.id)
        assert (stopped.desired_state, stopped.state, stopped.state_reason) == ("stopped", "stopped", "")
        await service.start_bot(uow, actor, view.id)
    async with database.workspace(actor.workspace_id) as uow:
        assert (await service.get_bot(uow, actor, view.id)).state == "starting"
        await service.delete_bot(uow, actor, view.id)
    async with database.workspace(actor.workspace_id) as uow:
        assert await service.list_bots(uow, actor) == []


async def test_another_workspace_sees_and_changes_nothing(database, actor, stranger, sandbox):
    view = await add(database, actor, sandbox.sandbox.new_bot("Shop").token)
    for action in (service.get_bot, service.start_bot, service.stop_bot, service.delete_bot):
        with pytest.raises(BotNotFound):
            async with database.workspace(stranger.workspace_id) as uow:
                await action(uow, stranger, view.id)
    async with database.workspace(stranger.workspace_id) as uow:
        assert await service.list_bots(uow, stranger) == []
    with pytest.raises(AssistantNotFound):
        await add(database, stranger, sandbox.sandbox.new_bot("Other").token, view.assistant_id)


async def test_roles(database, actor, new_actor, sandbox):
    view = await add(database, actor, sandbox.sandbox.new_bot("Shop").token)
    operator = await new_actor(workspace_id=actor.workspace_id, role=Role.OPERATOR)
    user = await new_actor(workspace_id=actor.workspace_id, role=Role.USER)
    async with database.workspace(actor.workspace_id) as uow:
        await service.stop_bot(uow, operator, view.id)
        for who, action in [
            (operator, service.delete_bot),
            (user, service.delete_bot),
            (user, service.start_bot),
            (user, service.stop_bot),
            (user, service.get_bot),
        ]:
            with pytest.raises(MayNotManageBots):
                await action(uow, who, view.id)
    with pytest.raises(MayNotManageBots):
        await add(database, operator, sandbox.sandbox.new_bot("Two").token, view.assistant_id)


async def test_a_slow_telegram_holds_no_connection_to_the_database(database, actor, sandbox):
    bots = [sandbox.sandbox.new_bot(f"Shop {number}") for number in range(database.engine.pool.size() + 1)]
    assistant_id = await an_assistant(database, actor)
    slow = Fault(delay_ms=1000, remaining=len(bots))
    sandbox.sandbox.faults.add(slow)
    adding = [asyncio.create_task(add(database, actor, bot.token, assistant_id)) for bot in bots]
    await eventually(lambda: slow.remaining == 0)  # all are being asked about
    assert database.connections_in_use == 0
    assert len(await asyncio.gather(*adding)) == len(bots)


async def test_many_at_once_and_those_of_others_passed_over(database, actor, stranger, connect):
    mine = [(await connect()).id for _ in range(3)]
    theirs = (await connect(who=stranger)).id
    for action in (service.stop_bots, service.start_bots, service.delete_bots):
        async with database.workspace(actor.workspace_id) as uow:
            assert await action(uow, actor, [*mine, theirs]) == 3
    async with database.workspace(stranger.workspace_id) as uow:
        assert (await service.get_bot(uow, stranger, theirs)).state == "starting"


async def test_a_full_workspace_takes_no_more(database, actor, connect, monkeypatch):
    await connect()
    monkeypatch.setenv("MAX_BOTS_PER_WORKSPACE", "1")
    get_settings.cache_clear()
    with pytest.raises(TooManyBots) as full:
        await connect()
    assert "1" in full.value.sentence("ru")


async def test_going_back_to_polling_asks_for_everything_that_waits(database, connect):
    bot = await connect()
    async with database.system() as uow:
        await uow.session.execute(text("UPDATE bot SET polling_offset = 900, mode = 'polling'"))
        await service.set_receiving(uow, bot.id, "polling", "", "secret")
        (same,) = await service.list_managed(uow, [bot.id])
        await service.set_receiving(uow, bot.id, "webhook", "https://example.org", "secret")
        await service.set_receiving(uow, bot.id, "polling", "", "secret")
    async with database.system() as uow:
        (managed,) = await service.list_managed(uow, [bot.id])
    assert (same.polling_offset, managed.polling_offset) == (900, 0)
