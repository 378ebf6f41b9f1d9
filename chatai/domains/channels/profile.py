"""What Telegram shows of a bot: its name, descriptions and picture. Telegram is asked outside any unit of work."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from uuid import UUID

from chatai.core.actor import Actor
from chatai.core.database import Database
from chatai.domains.audit import service as audit
from chatai.domains.channels import repository, service
from chatai.domains.channels.access import require_manage_bots
from chatai.domains.channels.asking import asking
from chatai.domains.channels.errors import BadProfile, PhotoRefused
from chatai.domains.channels.ports import telegram
from chatai.domains.channels.schemas import BotIdentity, BotProfile, BotView, WebhookInfo

LONGEST = {"name": 64, "description": 512, "short_description": 120}
LARGEST_PHOTO_MB = 5
LEAST_PIXELS = 160
_FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # JPEG markers that begin with the picture's size (T.81, B.1.1.3)


@dataclass(frozen=True, slots=True)
class ProfileDraft:
    """What people want Telegram to show of a bot."""

    name: str
    description: str = ""
    short_description: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """A bot as Telegram knows it at the moment."""

    identity: BotIdentity
    profile: BotProfile
    webhook: WebhookInfo


def clean(draft: ProfileDraft) -> ProfileDraft:
    """Without stray white space. Raises: BadProfile."""
    name = " ".join(draft.name.replace("\0", "").split())
    cleaned = ProfileDraft(
        name, draft.description.replace("\0", "").strip(), draft.short_description.replace("\0", "").strip()
    )
    if not name or any(len(getattr(cleaned, field)) > limit for field, limit in LONGEST.items()):
        raise BadProfile
    return cleaned


async def look(database: Database, actor: Actor, bot_id: UUID) -> Seen:
    """Asks Telegram how it shows the bot, and keeps what was changed there.

    Raises:
        BotNotFound, MayNotManageBots, TokenUnreadable, and what `asking` raises.
    """
    token, bot = await _open(database, actor, bot_id)
    with asking():
        seen = Seen(
            await telegram().get_me(token),
            await telegram().get_profile(token),
            await telegram().get_webhook_info(token),
        )
    async with database.workspace(actor.workspace_id, actor.account_id) as uow:
        await repository.change(
            uow,
            bot.id,
            restarts=False,
            name=seen.identity.name[:100],
            username=seen.identity.username[:64],
            description=seen.profile.description[:512],
            short_description=seen.profile.short_description[:120],
        )
    return seen


async def change(database: Database, actor: Actor, bot_id: UUID, draft: ProfileDraft) -> None:
    """Has Telegram show this. Only what differs is sent: a name may be changed a few times a day only.

    Raises:
        BadProfile, ProfileRefused, BotNotFound, MayNotManageBots, TokenUnreadable, and what `asking` raises.
    """
    draft = clean(draft)
    token, bot = await _open(database, actor, bot_id)
    changed: dict[str, str] = {}
    try:
        with asking():
            for field, setter in (
                ("name", telegram().set_name),
                ("description", telegram().set_description),
                ("short_description", telegram().set_short_description),
            ):
                value = getattr(draft, field)
                if value != getattr(bot, field):
                    await setter(token, value)
                    changed[field] = value
    finally:
        if changed:  # also what came through before a refusal
            async with database.workspace(actor.workspace_id, actor.account_id) as uow:
                await repository.change(uow, bot_id, restarts=False, **changed)
                await audit.record(uow, actor, "channels:bot:profile", bot_id, changed=", ".join(changed))


async def set_photo(database: Database, actor: Actor, bot_id: UUID, picture: bytes) -> None:
    """Gives the bot a picture.

    Raises:
        PhotoRefused: It is no JPEG, too small or too large.
        BotNotFound, MayNotManageBots, TokenUnreadable, and what `asking` raises.
    """
    token, _ = await _open(database, actor, bot_id)
    if len(picture) > LARGEST_PHOTO_MB * 1024 * 1024 or min(jpeg_size(picture)) < LEAST_PIXELS:
        raise PhotoRefused(limit_mb=LARGEST_PHOTO_MB)
    with asking():
        await telegram().set_photo(token, picture)
    async with database.workspace(actor.workspace_id, actor.account_id) as uow:
        await audit.record(uow, actor, "channels:bot:photo", bot_id)


async def remove_photo(database: Database, actor: Actor, bot_id: UUID) -> None:
    """Takes the bot's picture away. Raises as `set_photo`."""
    token, _ = await _open(database, actor, bot_id)
    with asking():
        await telegram().remove_photo(token)
    async with database.workspace(actor.workspace_id, actor.account_id) as uow:
        await audit.record(uow, actor, "channels:bot:photo_removed", bot_id)


async def require_bot(database: Database, actor: Actor, bot_id: UUID) -> None:
    """Asked before a picture's bytes are taken. Raises: BotNotFound, MayNotManageBots."""
    require_manage_bots(actor)
    async with database.workspace(actor.workspace_id, actor.account_id) as uow:
        await repository.require(uow, bot_id)


def jpeg_size(data: bytes) -> tuple[int, int]:
    """Width and height in pixels, from the first frame header; (0, 0) for what is no JPEG."""
    place = 2
    while data.startswith(b"\xff\xd8") and place + 9 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if marker == 0xFF:  # a fill byte
            place += 1
        elif marker in _FRAMES:
            height, width = struct.unpack(">HH", data[place + 5 : place + 9])
            return int(width), int(height)
        else:
            place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    return 0, 0


async def _open(database: Database, actor: Actor, bot_id: UUID) -> tuple[str, BotView]:
    require_manage_bots(actor)
    async with database.workspace(actor.workspace_id, actor.account_id) as uow:
        bot = await repository.require(uow, bot_id)
        return service.token_of(bot), service.view(bot)
