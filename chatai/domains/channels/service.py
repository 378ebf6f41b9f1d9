"""Bots: connecting them, and what people want of them. What they receive is in `inbox`."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field, fields
from uuid import UUID

from chatai.core.actor import Actor
from chatai.core.crypto import DecryptionError, Vault, new_token
from chatai.core.database import UnitOfWork
from chatai.core.settings import get_settings
from chatai.domains.assistants import service as assistants
from chatai.domains.audit import service as audit
from chatai.domains.channels import commands, repository
from chatai.domains.channels.access import require_manage_bots, require_run_bots
from chatai.domains.channels.asking import asking
from chatai.domains.channels.errors import (
    BotAlreadyHere,
    BotInUse,
    BotNotFound,
    MadeEnough,
    NotAToken,
    TokenRefused,
    TokenUnreadable,
    TooManyBots,
)
from chatai.domains.channels.models import Bot
from chatai.domains.channels.ports import telegram
from chatai.domains.channels.schemas import (
    BotIdentity,
    BotName,
    BotState,
    BotView,
    DesiredState,
    MadeBots,
    ManagedBot,
    Mode,
)

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
    with asking(TokenRefused):
        return KnownToken(token, await telegram().get_me(token))


def number_of(token: str) -> str:
    """The bot's number, the part of a token that is no secret; empty for what is no token."""
    return token.partition(":")[0] if _TOKEN.fullmatch(token) else ""


async def add_bot(
    uow: UnitOfWork,
    actor: Actor,
    assistant_id: UUID,
    known: KnownToken,
    *,
    managed_by: UUID | None = None,
    made_by: int | None = None,
) -> BotView:
    """Connects a bot to an assistant and wants it to run.

    Args:
        uow: In the assistant's workspace.
        actor: Must be allowed to manage bots.
        assistant_id: Who answers.
        known: The token, as Telegram knows it.
        managed_by: The bot that this one was made with.
        made_by: Telegram's number of the person who did.

    Raises:
        AssistantNotFound: There is no such assistant in the workspace.
        BotAlreadyHere, BotInUse: The bot is connected already, in this workspace or elsewhere.
        TooManyBots: The workspace is full.
        MadeEnough: The person has as many made with that bot as one may.
    """
    require_manage_bots(actor)
    await assistants.get_assistant(uow, actor, assistant_id)
    await _require_room(uow, actor.workspace_id)
    if managed_by is not None and made_by is not None:
        await require_fewer_made(uow, managed_by, made_by)
    identity = known.identity
    if await repository.find_by_telegram_id(uow, identity.telegram_id):
        raise BotAlreadyHere(username=identity.username)
    bot = Bot(
        workspace_id=actor.workspace_id,
        assistant_id=assistant_id,
        telegram_id=identity.telegram_id,
        username=identity.username[:64],
        name=identity.name[:100],
        token_encrypted=vault().encrypt(known.token),
        webhook_secret=new_token(),
        desired_state="running",
        state="starting",
        managed_by=managed_by,
        made_by=made_by,
    )
    if not await repository.insert(uow, bot):
        raise BotInUse
    await audit.record(uow, actor, "channels:bot:create", bot.id, username=bot.username)
    await commands.enqueue(uow, bot.id)
    await uow.notify(BOTS_CHANNEL, str(bot.id))
    return view(bot)


async def list_bots(uow: UnitOfWork, actor: Actor, assistant_id: UUID | None = None) -> list[BotView]:
    """The workspace's bots, or one assistant's, the oldest first."""
    require_run_bots(actor)
    return [view(bot) for bot in await repository.list_bots(uow, assistant_id)]


async def get_bot(uow: UnitOfWork, actor: Actor, bot_id: UUID) -> BotView:
    """Raises: BotNotFound."""
    require_run_bots(actor)
    return view(await repository.require(uow, bot_id))


async def start_bot(uow: UnitOfWork, actor: Actor, bot_id: UUID) -> None:
    """Wants the bot to run. One that was revoked, in conflict or quarantined gets a fresh try. Raises: BotNotFound."""
    await _one(start_bots(uow, actor, [bot_id]))


async def stop_bot(uow: UnitOfWork, actor: Actor, bot_id: UUID) -> None:
    """Wants the bot to be still. What people write meanwhile waits at Telegram (for a day). Raises: BotNotFound."""
    await _one(stop_bots(uow, actor, [bot_id]))


async def delete_bot(uow: UnitOfWork, actor: Actor, bot_id: UUID) -> None:
    """Disconnects the bot. Its conversations stay. Raises: BotNotFound."""
    await _one(delete_bots(uow, actor, [bot_id]))


async def start_bots(uow: UnitOfWork, actor: Actor, bot_ids: Sequence[UUID]) -> int:
    """Wants all of them to run; one that runs begins anew. Those that are not there are passed over.

    Returns:
        How many there were.
    """
    require_run_bots(actor)
    return await want(uow, actor, bot_ids, "running")


async def stop_bots(uow: UnitOfWork, actor: Actor, bot_ids: Sequence[UUID]) -> int:
    """Wants all of them to be still, as `start_bots`."""
    require_run_bots(actor)
    return await want(uow, actor, bot_ids, "stopped")


async def delete_bots(uow: UnitOfWork, actor: Actor, bot_ids: Sequence[UUID]) -> int:
    """Disconnects all of them, as `start_bots`."""
    require_manage_bots(actor)
    found = await repository.names(uow, bot_ids)
    await repository.remove(uow, [bot.id for bot in found])
    for bot in found:
        await audit.record(uow, actor, "channels:bot:delete", bot.id, username=bot.username)
    await _notify(uow, found)
    return len(found)


async def want(uow: UnitOfWork, actor: Actor, bot_ids: Sequence[UUID], desired: DesiredState) -> int:
    """Writes what is wanted of bots; who may, the caller has asked. Counts those that there are."""
    found = await repository.names(uow, bot_ids)
    state: BotState = "starting" if desired == "running" else "stopped"
    await repository.want(uow, [bot.id for bot in found], desired, state)
    action = "channels:bot:start" if desired == "running" else "channels:bot:stop"
    for bot in found:
        await audit.record(uow, actor, action, bot.id, workspace_id=bot.workspace_id, username=bot.username)
    await _notify(uow, found)
    return len(found)


async def set_always_on(uow: UnitOfWork, actor: Actor, bot_id: UUID, always_on: bool) -> None:
    """Has the bot's process stay when there is nothing to do: it answers a little faster, for its memory's price.

    Raises:
        BotNotFound
    """
    require_manage_bots(actor)
    bot = await repository.require(uow, bot_id)
    if bot.always_on != always_on:
        await repository.change(uow, bot_id, restarts=True, always_on=always_on)
        await audit.record(uow, actor, "channels:bot:always_on", bot_id, on=always_on)
        await uow.notify(BOTS_CHANNEL, str(bot_id))


async def set_made_bots(uow: UnitOfWork, actor: Actor, bot_id: UUID, made_bots: MadeBots) -> None:
    """Says what becomes of bots that people make with this one. Raises: BotNotFound."""
    require_manage_bots(actor)
    bot = await repository.require(uow, bot_id)
    if bot.made_bots != made_bots:
        await repository.change(uow, bot_id, restarts=False, made_bots=made_bots)
        await audit.record(uow, actor, "channels:bot:made_bots", bot_id, choice=made_bots or "none")


# For the bot manager, in the system's unit of work.


async def list_managed(uow: UnitOfWork, bot_ids: Sequence[UUID]) -> list[ManagedBot]:
    """The bots of these ids that exist."""
    return await repository.list_managed(uow, bot_ids)


async def set_receiving(uow: UnitOfWork, bot_id: UUID, mode: Mode, webhook_url: str, webhook_secret: str) -> None:
    """Writes how a bot's updates come."""
    await repository.set_receiving(uow, bot_id, mode, webhook_url, webhook_secret)


def token_of(bot: ManagedBot | Bot) -> str:
    """The bot's token in clear. Never to be logged, shown or stored. Raises: TokenUnreadable."""
    try:
        return vault().decrypt(bot.token_encrypted)
    except DecryptionError:
        raise TokenUnreadable from None


async def _one(counting: Awaitable[int]) -> None:
    if not await counting:
        raise BotNotFound


async def _notify(uow: UnitOfWork, bots: Sequence[BotName]) -> None:
    """The bot manager looks at everything that changed: of many, one notice is enough."""
    if bots:
        await uow.notify(BOTS_CHANNEL, str(bots[0].id) if len(bots) == 1 else "")


async def _require_room(uow: UnitOfWork, workspace_id: UUID) -> None:
    limit = get_settings().max_bots_per_workspace
    if await repository.count_with_lock(uow, workspace_id) >= limit:
        raise TooManyBots(limit=limit)


async def require_fewer_made(uow: UnitOfWork, manager_id: UUID, person: int) -> None:
    """It holds until the transaction ends only where nobody else adds bots to the workspace meanwhile: after
    `_require_room`. Raises: MadeEnough."""
    limit = get_settings().made_bots_per_person
    if limit and await repository.count_made(uow, manager_id, person) >= limit:
        raise MadeEnough(limit=limit)


def vault() -> Vault:
    return Vault(get_settings().secret())


def view(bot: Bot) -> BotView:
    return BotView(**{field.name: getattr(bot, field.name) for field in fields(BotView)})
