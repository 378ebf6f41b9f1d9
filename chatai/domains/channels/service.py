"""Bots: connecting them, and what people want of them. What they receive is in `inbox`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from uuid import UUID

from chatai.core.actor import Actor
from chatai.core.crypto import DecryptionError, Vault, new_token
from chatai.core.database import UnitOfWork
from chatai.core.settings import get_settings
from chatai.domains.assistants import service as assistants
from chatai.domains.audit import service as audit
from chatai.domains.channels import repository
from chatai.domains.channels.access import require_manage_bots, require_run_bots
from chatai.domains.channels.errors import (
    BotAlreadyHere,
    BotInUse,
    BotNotFound,
    NotAToken,
    TelegramBusy,
    TelegramUnreachable,
    TokenRefused,
    TokenUnreadable,
)
from chatai.domains.channels.models import Bot
from chatai.domains.channels.ports import TelegramAway, TelegramRefusal, telegram
from chatai.domains.channels.schemas import BotIdentity, BotState, BotView, ManagedBot, Mode

BOTS_CHANNEL = "chatai_bots"
"""PostgreSQL notifies the bot manager here; the payload is a bot's id."""

_TOKEN = re.compile(r"\d{6,12}:[A-Za-z0-9_-]{35}")


@dataclass(frozen=True, slots=True)
class KnownToken:
    """A token that Telegram has just said the bot of."""

    token: str = field(repr=False)
    identity: BotIdentity


async def check_token(actor: Actor, token: str) -> KnownToken:
    """Asks Telegram whose token it is: outside any unit of work, since Telegram may take its time.

    Raises:
        NotAToken: The text is no token.
        TokenRefused: Telegram does not know it.
        TelegramUnreachable, TelegramBusy: Telegram could not be asked.
    """
    require_manage_bots(actor)
    token = token.strip()
    if not _TOKEN.fullmatch(token):
        raise NotAToken
    return KnownToken(token, await _introduce(token))


async def add_bot(uow: UnitOfWork, actor: Actor, assistant_id: UUID, known: KnownToken) -> BotView:
    """Connects a bot to an assistant and wants it to run.

    Raises:
        AssistantNotFound: There is no such assistant in the workspace.
        BotAlreadyHere, BotInUse: The bot is connected already, in this workspace or elsewhere.
    """
    require_manage_bots(actor)
    await assistants.get_assistant(uow, actor, assistant_id)
    identity = known.identity
    if await repository.find_by_telegram_id(uow, identity.telegram_id):
        raise BotAlreadyHere(username=identity.username)
    bot = Bot(
        workspace_id=actor.workspace_id,
        assistant_id=assistant_id,
        telegram_id=identity.telegram_id,
        username=identity.username[:64],
        name=identity.name[:100],
        token_encrypted=_vault().encrypt(known.token),
        webhook_secret=new_token(),
        desired_state="running",
        state="starting",
    )
    if not await repository.insert(uow, bot):
        raise BotInUse
    await audit.record(uow, actor, "channels:bot:create", bot.id, username=bot.username)
    await uow.notify(BOTS_CHANNEL, str(bot.id))
    return _view(bot)


async def list_bots(uow: UnitOfWork, actor: Actor, assistant_id: UUID | None = None) -> list[BotView]:
    """The workspace's bots, or one assistant's, the oldest first."""
    require_run_bots(actor)
    return [_view(bot) for bot in await repository.list_bots(uow, assistant_id)]


async def get_bot(uow: UnitOfWork, actor: Actor, bot_id: UUID) -> BotView:
    """Raises: BotNotFound."""
    require_run_bots(actor)
    return _view(await _find(uow, bot_id))


async def start_bot(uow: UnitOfWork, actor: Actor, bot_id: UUID) -> None:
    """Wants the bot to run. One that was revoked, in conflict or quarantined gets a fresh try."""
    require_run_bots(actor)
    await _find(uow, bot_id)
    await repository.want(uow, bot_id, "running", "starting")
    await audit.record(uow, actor, "channels:bot:start", bot_id)
    await uow.notify(BOTS_CHANNEL, str(bot_id))


async def stop_bot(uow: UnitOfWork, actor: Actor, bot_id: UUID) -> None:
    """Wants the bot to be still. What people write to it meanwhile waits at Telegram (for a day)."""
    require_run_bots(actor)
    await _find(uow, bot_id)
    await repository.want(uow, bot_id, "stopped", "stopped")
    await audit.record(uow, actor, "channels:bot:stop", bot_id)
    await uow.notify(BOTS_CHANNEL, str(bot_id))


async def delete_bot(uow: UnitOfWork, actor: Actor, bot_id: UUID) -> None:
    """Disconnects the bot. Its conversations stay."""
    require_manage_bots(actor)
    bot = await _find(uow, bot_id)
    await repository.remove(uow, bot_id)
    await audit.record(uow, actor, "channels:bot:delete", bot_id, username=bot.username)
    await uow.notify(BOTS_CHANNEL, str(bot_id))


# For the bot manager, in the system's unit of work.


async def list_changes(uow: UnitOfWork) -> dict[UUID, datetime]:
    """Every bot of the installation, and when people last changed it."""
    return await repository.list_changes(uow)


async def list_managed(uow: UnitOfWork, bot_ids: Sequence[UUID]) -> list[ManagedBot]:
    """The bots of these ids that exist."""
    return await repository.list_managed(uow, bot_ids)


async def set_state(
    uow: UnitOfWork, bot_id: UUID, state: BotState, reason: str = "", last_error: str | None = None
) -> None:
    """Writes how a bot is, unless people have stopped it meanwhile.

    `reason`: an error's code; `last_error=None` leaves the one that is there.
    """
    await repository.set_state(uow, bot_id, state, reason, last_error)


async def set_receiving(uow: UnitOfWork, bot_id: UUID, mode: Mode, webhook_url: str, webhook_secret: str) -> None:
    """Writes how a bot's updates come."""
    await repository.set_receiving(uow, bot_id, mode, webhook_url, webhook_secret)


def token_of(bot: ManagedBot) -> str:
    """The bot's token in clear. Never to be logged, shown or stored. Raises: TokenUnreadable."""
    try:
        return _vault().decrypt(bot.token_encrypted)
    except DecryptionError:
        raise TokenUnreadable from None


async def _introduce(token: str) -> BotIdentity:
    try:
        identity = await telegram().get_me(token)
        await telegram().set_commands(token)
    except TelegramAway:
        raise TelegramUnreachable from None
    except TelegramRefusal as refusal:
        if refusal.status in {401, 404}:
            raise TokenRefused from None
        if refusal.retry_after:
            raise TelegramBusy(seconds=refusal.retry_after) from None
        raise TelegramUnreachable from None
    return identity


async def _find(uow: UnitOfWork, bot_id: UUID) -> Bot:
    bot = await repository.find(uow, bot_id)
    if bot is None:
        raise BotNotFound
    return bot


def _vault() -> Vault:
    return Vault(get_settings().secret())


def _view(bot: Bot) -> BotView:
    return BotView(**{field.name: getattr(bot, field.name) for field in fields(BotView)})
