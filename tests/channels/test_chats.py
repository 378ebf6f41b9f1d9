"""What bots remember of their chats, and that they look up nobody else's."""

from __future__ import annotations

from uuid import UUID

import pytest

from chatai.core.actor import Actor
from chatai.core.database import Database
from chatai.core.errors import Forbidden
from chatai.domains.channels import chats, inbox
from chatai.domains.channels.chats import ChatChange
from chatai.domains.channels.models import Bot
from chatai.domains.channels.schemas import IncomingUpdate
from tests.knowledge.conftest import make_assistant

CHAT = -100


async def make_bot(database: Database, actor: Actor, number: int) -> Actor:
    """A bot of the actor's workspace, as an actor."""
    assistant = await make_assistant(database, actor)
    bot = Bot(
        workspace_id=actor.workspace_id,
        assistant_id=assistant,
        telegram_id=number,
        username=f"bot_{number}",
        name="Bot",
        token_encrypted="!",
        webhook_secret="!",
    )
    async with database.workspace(actor.workspace_id) as uow:
        uow.session.add(bot)
        identifier: UUID = bot.id
    return Actor("bot", actor.workspace_id, bot_id=identifier)


async def test_each_bot_has_its_own_memory(database: Database, actor: Actor, stranger: Actor) -> None:
    bots = [await make_bot(database, owner, number) for number, owner in enumerate((actor, actor, stranger), start=1)]
    async with database.workspace(actor.workspace_id) as uow:
        await chats.remember_chat(uow, bots[0], CHAT, ChatChange("group", "Friends", language="ru"))
        await chats.remember_chat(uow, bots[0], CHAT, ChatChange(here=False))
    for bot, language in zip(bots, ("ru", None, None), strict=True):
        async with database.workspace(bot.workspace_id) as uow:
            assert await chats.chosen_language(uow, bot, CHAT) == language


async def test_a_choice_moves_with_the_group(database: Database, actor: Actor) -> None:
    bot = await make_bot(database, actor, 1)
    async with database.workspace(actor.workspace_id) as uow:
        await chats.remember_chat(uow, bot, CHAT, ChatChange("group", "Friends", language="ru"))
        await chats.migrate_chat(uow, bot, CHAT, CHAT - 1)
        await chats.migrate_chat(uow, bot, CHAT, CHAT - 1)
        assert await chats.chosen_language(uow, bot, CHAT - 1) == "ru"


async def test_only_bots_ask_and_only_of_their_own(database: Database, actor: Actor) -> None:
    bot, other = [await make_bot(database, actor, number) for number in (1, 2)]
    assert bot.bot_id
    updates = [
        IncomingUpdate(bot.bot_id, number, chat, {"update_id": number}, taken=False)
        for number, chat in ((1, CHAT), (2, 7), (3, CHAT), (4, CHAT), (5, CHAT))
    ]
    async with database.system() as uow:
        await inbox.store(uow, updates)
    async with database.workspace(actor.workspace_id) as uow:
        found = await chats.updates_around(uow, bot, CHAT, 4, 1)
        assert [row.update_id for row in found] == [3, 4]
        assert [row.update_id for row in await chats.updates_around(uow, bot, CHAT, 4, 9)] == [1, 3, 4, 5]
        assert await chats.updates_around(uow, other, CHAT, 4, 9) == []
        with pytest.raises(Forbidden):
            await chats.updates_around(uow, actor, CHAT, 4, 9)
        with pytest.raises(Forbidden):
            await chats.chosen_language(uow, Actor("bot", actor.workspace_id), CHAT)
