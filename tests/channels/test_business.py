"""Who lets a bot answer for a business account."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import text

from chatai.core.actor import Actor, Role
from chatai.domains.channels import business
from chatai.domains.channels.errors import BotNotFound, MayNotManageBots


async def told(database, actor, bot_id, account, connection, **more):
    bot = Actor("bot", actor.workspace_id, bot_id=bot_id)
    known = {"name": "Olga", "username": "olga", "can_reply": True, "enabled": True} | more
    async with database.workspace(actor.workspace_id) as uow:
        return await business.keep_connection(uow, bot, business.Connection(connection, account, **known))


async def allow(database, actor, bot_id, account, allowed=True):
    async with database.workspace(actor.workspace_id) as uow:
        await business.allow(uow, actor, bot_id, account, allowed)


async def listed(database, actor, bot_id):
    async with database.workspace(actor.workspace_id) as uow:
        found = await business.list_connections(uow, actor, bot_id)
    return [(one.connection_id, one.allowed, one.enabled) for one in found]


async def test_what_is_allowed_is_the_account_whatever_its_connection(database, actor, bot_id):
    assert not await told(database, actor, bot_id, 900, "a")
    await allow(database, actor, bot_id, 900)
    assert await told(database, actor, bot_id, 900, "a", enabled=False)
    assert await told(database, actor, bot_id, 900, "b")
    assert not await told(database, actor, bot_id, 901, "b")  # the connection is another account's now
    assert not await told(database, actor, bot_id, 902, "c", enabled=False)
    assert await listed(database, actor, bot_id) == [("a", True, False), ("b", False, True)]
    await allow(database, actor, bot_id, 900, allowed=False)
    assert await listed(database, actor, bot_id) == [("b", False, True)]
    await allow(database, actor, bot_id, 999)  # never connected: nothing to allow
    async with database.workspace(actor.workspace_id) as uow:
        done = text("SELECT action, detail ->> 'account' FROM audit_event WHERE action LIKE 'channels:business:%'")
        assert sorted(map(tuple, await uow.session.execute(done))) == [
            ("channels:business:allow", "900"),
            ("channels:business:stop", "900"),
        ]


async def test_only_admins_of_the_workspace_allow(database, actor, stranger, bot_id):
    await told(database, actor, bot_id, 900, "a")
    for who in (replace(actor, role=Role.OPERATOR), Actor("bot", actor.workspace_id, bot_id=bot_id)):
        with pytest.raises(MayNotManageBots):
            await allow(database, who, bot_id, 900)
    with pytest.raises(BotNotFound):
        await allow(database, stranger, bot_id, 900)
    assert await listed(database, actor, bot_id) == [("a", False, True)]
