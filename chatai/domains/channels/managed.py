"""Bots that people make with one of ours (Telegram's managed bots, Bot API 9.6): connected when its owner wants that.

Telegram tells the managing bot of a new bot, and again when the token of one changes. The managing bot may fetch the
token. Anybody can make a bot by the managing bot's link, so nothing happens until an admin has chosen what shall.
"""

from __future__ import annotations

import secrets
from typing import Literal
from urllib.parse import quote
from uuid import UUID

from chatai.core.actor import Actor, Role
from chatai.core.database import Database
from chatai.core.errors import ChatAIError
from chatai.domains.channels import cloning, repository, service, tokens
from chatai.domains.channels.asking import asking
from chatai.domains.channels.errors import BotInUse, MadeEnough, ManagementOff, TelegramBusy, TelegramUnreachable
from chatai.domains.channels.models import Bot
from chatai.domains.channels.ports import telegram

Outcome = Literal["connected", "updated", "unwanted", "refused", "enough"]
"""connected: it runs now. updated: it was known, and its token is the new one. unwanted: this bot takes none.
refused: it can't be connected, because it is connected elsewhere, say. enough: its maker has as many
connected as one person may."""


def invitation(username: str, suggested: str) -> str:
    """The link by which people make a bot for the bot `username`, with a user name that is suggested to them."""
    return f"https://t.me/newbot/{quote(username)}/{quote(suggested)}"


async def invitation_of(database: Database, workspace_id: UUID, manager_id: UUID) -> str:
    """The link by which people make a bot for this one; empty where it takes none."""
    async with database.workspace(workspace_id) as uow:
        manager = await repository.find(uow, manager_id)
    if manager is None or not manager.made_bots:
        return ""
    return invitation(manager.username, f"helper_{secrets.randbelow(10**6):06}_bot")


async def take_over(
    database: Database, workspace_id: UUID, manager_id: UUID, telegram_id: int, person: int
) -> tuple[Outcome, str]:
    """Connects a bot that was made with one of ours, or takes its new token. Twice does no harm.

    Args:
        database: Whose.
        workspace_id: The managing bot's workspace.
        manager_id: The managing bot.
        telegram_id: Telegram's number of the bot that was made.
        person: Telegram's number of who made it.

    Returns:
        What came of it, and the bot's user name where it is known.

    Raises:
        TelegramUnreachable, TelegramBusy, DatabaseAway: Worth another try.
    """
    actor = Actor("system", workspace_id, Role.ADMIN)
    async with database.workspace(workspace_id) as uow:
        manager = await repository.find(uow, manager_id)
        made = await repository.find_by_telegram_id(uow, telegram_id)
        if manager is None or (made is None and not manager.made_bots):
            return "unwanted", ""
        if made is None:  # asked again when it is added: others may be on their way
            try:
                await service.require_fewer_made(uow, manager_id, person)
            except MadeEnough:
                return "enough", ""
        manager_token, choice, assistant_id = service.token_of(manager), manager.made_bots, manager.assistant_id
    try:
        with asking(ManagementOff):
            token = await telegram().get_managed_token(manager_token, telegram_id)
        if made is not None:
            return await _take_token(database, actor, made, token)
        if choice == "copy":
            bot = await cloning.clone_bot(
                database, actor, manager_id, token, documents=True, managed_by=manager_id, made_by=person
            )
        else:
            known = await service.check_token(actor, token)
            async with database.workspace(workspace_id) as uow:
                bot = await service.add_bot(uow, actor, assistant_id, known, managed_by=manager_id, made_by=person)
    except (TelegramUnreachable, TelegramBusy):
        raise
    except MadeEnough:
        return "enough", ""
    except ChatAIError:
        return "refused", ""
    return "connected", bot.username


async def _take_token(database: Database, actor: Actor, made: Bot, token: str) -> tuple[Outcome, str]:
    """A bot that is known: its token may have been replaced by its owner."""
    if service.token_of(made) == token:
        return "updated", made.username
    known = await service.check_token(actor, token)
    if known.identity.telegram_id != made.telegram_id:
        raise BotInUse
    async with database.workspace(actor.workspace_id) as uow:
        await tokens.keep_token(uow, actor, await repository.require(uow, made.id), known)
    return "updated", made.username
