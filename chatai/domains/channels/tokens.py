"""A bot's token replaced: by one that a person brings, or, for a bot made with another one, by Telegram."""

from __future__ import annotations

from uuid import UUID

from chatai.core.actor import Actor
from chatai.core.database import Database, UnitOfWork
from chatai.domains.audit import service as audit
from chatai.domains.channels import commands, repository, service
from chatai.domains.channels.access import require_manage_bots
from chatai.domains.channels.asking import asking
from chatai.domains.channels.errors import NotManaged, WrongBot
from chatai.domains.channels.models import Bot
from chatai.domains.channels.ports import telegram
from chatai.domains.channels.service import BOTS_CHANNEL, KnownToken


async def replace_token(uow: UnitOfWork, actor: Actor, bot_id: UUID, known: KnownToken) -> None:
    """Gives the bot another token of its own. One that was revoked begins anew; a stopped one stays so.

    Raises:
        WrongBot: The token is another bot's.
        BotNotFound, MayNotManageBots
    """
    require_manage_bots(actor)
    bot = await repository.require(uow, bot_id)
    identity = known.identity
    if identity.telegram_id != bot.telegram_id:
        raise WrongBot(username=identity.username, expected=bot.username)
    await keep_token(uow, actor, bot, known)


async def keep_token(uow: UnitOfWork, actor: Actor, bot: Bot, known: KnownToken) -> None:
    """Stores a token that is the bot's. Who may, the caller has asked."""
    await repository.change(
        uow,
        bot.id,
        restarts=True,
        token_encrypted=service.vault().encrypt(known.token),
        username=known.identity.username[:64],
        name=known.identity.name[:100],
        state="starting" if bot.desired_state == "running" else "stopped",
        state_reason="",
        last_error="",
        commands_told="",
    )
    await audit.record(uow, actor, "channels:bot:token", bot.id, username=known.identity.username)
    await commands.enqueue(uow, bot.id)
    await uow.notify(BOTS_CHANNEL, str(bot.id))


async def renew_managed_token(database: Database, actor: Actor, bot_id: UUID) -> None:
    """Has Telegram make the token of a bot useless and give a new one. Only for bots made with another one.

    Raises:
        NotManaged: It was not, or the bot that it was made with is not connected here any more.
        BotNotFound, MayNotManageBots, TokenUnreadable, and what `asking` raises.
    """
    require_manage_bots(actor)
    async with database.workspace(actor.workspace_id, actor.account_id) as uow:
        bot = await repository.require(uow, bot_id)
        manager = await repository.find(uow, bot.managed_by) if bot.managed_by else None
        if manager is None:
            raise NotManaged
        manager_token, telegram_id = service.token_of(manager), bot.telegram_id
    with asking(NotManaged):
        token = await telegram().replace_managed_token(manager_token, telegram_id)
    known = await service.check_token(actor, token)
    async with database.workspace(actor.workspace_id, actor.account_id) as uow:
        await replace_token(uow, actor, bot_id, known)
