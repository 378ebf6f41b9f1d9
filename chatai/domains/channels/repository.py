"""The rows of bots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, case, cast, delete, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from chatai.core.clock import now
from chatai.core.database import UnitOfWork
from chatai.domains.channels.errors import BotNotFound
from chatai.domains.channels.models import Bot
from chatai.domains.channels.schemas import BotName, BotState, DesiredState, ManagedBot, Mode


async def insert(uow: UnitOfWork, bot: Bot) -> bool:
    """Adds a bot; False when one with the same Telegram id exists in any workspace."""
    try:
        async with uow.session.begin_nested():
            uow.session.add(bot)
            await uow.session.flush()
    except IntegrityError as error:
        if "uq_bot_telegram_id" in str(error.orig):
            return False
        raise
    return True


async def find(uow: UnitOfWork, bot_id: UUID) -> Bot | None:
    return await uow.session.get(Bot, bot_id)


async def require(uow: UnitOfWork, bot_id: UUID) -> Bot:
    """The bot, which must be among those that this unit of work may see. Raises: BotNotFound."""
    bot = await find(uow, bot_id)
    if bot is None:
        raise BotNotFound
    return bot


async def find_by_telegram_id(uow: UnitOfWork, telegram_id: int) -> Bot | None:
    """Among the bots that this unit of work may see."""
    found = await uow.session.execute(select(Bot).where(col(Bot.telegram_id) == telegram_id))
    return found.scalar_one_or_none()


async def find_by_telegram_ids(uow: UnitOfWork, telegram_ids: Sequence[int]) -> dict[int, str]:
    """The user names of those that this unit of work may see."""
    query = select(col(Bot.telegram_id), col(Bot.username)).where(col(Bot.telegram_id).in_(telegram_ids))
    return {row.telegram_id: row.username for row in await uow.session.execute(query)}


async def count_with_lock(uow: UnitOfWork, workspace_id: UUID) -> int:
    """How many bots the workspace has. Until the transaction ends nobody else counts them, so that none slips in."""
    lock = func.pg_advisory_xact_lock(func.hashtext(f"chatai/bots/{workspace_id}"))
    await uow.session.execute(select(lock))
    query = select(func.count()).select_from(Bot).where(col(Bot.workspace_id) == workspace_id)
    return int((await uow.session.execute(query)).scalar_one())


async def names(uow: UnitOfWork, bot_ids: Sequence[UUID]) -> list[BotName]:
    """Those of them that this unit of work may see."""
    query = select(col(Bot.id), col(Bot.workspace_id), col(Bot.username)).where(col(Bot.id).in_(bot_ids))
    return [BotName(*row) for row in await uow.session.execute(query)]


async def list_bots(uow: UnitOfWork, assistant_id: UUID | None) -> Sequence[Bot]:
    query = select(Bot).order_by(col(Bot.created_at), col(Bot.id))
    if assistant_id is not None:
        query = query.where(col(Bot.assistant_id) == assistant_id)
    return (await uow.session.execute(query)).scalars().all()


async def want(uow: UnitOfWork, bot_ids: Sequence[UUID], desired: DesiredState, state: BotState) -> None:
    """Writes what people want of bots, and forgets earlier trouble."""
    await uow.session.execute(
        update(Bot)
        .where(col(Bot.id).in_(bot_ids))
        .values(desired_state=desired, state=state, state_reason="", last_error="", updated_at=now())
    )


async def change(uow: UnitOfWork, bot_id: UUID, *, restarts: bool, **values: Any) -> None:
    """Changes columns of a bot. With `restarts` the bot manager begins anew with it."""
    if restarts:
        values["updated_at"] = now()
    await uow.session.execute(update(Bot).where(col(Bot.id) == bot_id).values(**values))


async def remove(uow: UnitOfWork, bot_ids: Sequence[UUID]) -> None:
    await uow.session.execute(delete(Bot).where(col(Bot.id).in_(bot_ids)))


async def list_managed(uow: UnitOfWork, bot_ids: Sequence[UUID]) -> list[ManagedBot]:
    columns = [getattr(Bot, field.name) for field in fields(ManagedBot)]
    wanted = func.any(cast(list(bot_ids), ARRAY(Uuid)))  # one parameter, also for ten thousand
    rows = await uow.session.execute(select(*columns).where(col(Bot.id) == wanted))
    return [ManagedBot(*row) for row in rows]


async def count_made(uow: UnitOfWork, manager_id: UUID, person: int) -> int:
    """How many bots a person has made with a bot, of those that are still here."""
    made = select(func.count()).select_from(Bot).where(col(Bot.managed_by) == manager_id, col(Bot.made_by) == person)
    return int((await uow.session.execute(made)).scalar_one())


async def set_receiving(uow: UnitOfWork, bot_id: UUID, mode: Mode, webhook_url: str, webhook_secret: str) -> None:
    values: dict[str, Any] = {"mode": mode, "webhook_url": webhook_url, "webhook_secret": webhook_secret}
    if not webhook_url:
        values |= {"webhook_error": "", "webhook_error_at": None, "webhook_pending": 0}
    fresh_poll = (col(Bot.mode) == "webhook") & (mode == "polling")
    # Where the last poll ended says nothing after a time with a webhook: identifiers may have begun anew just below it.
    # From 0 on everything comes, and what came before is known.
    values["polling_offset"] = case((fresh_poll, 0), else_=col(Bot.polling_offset))
    await uow.session.execute(update(Bot).where(col(Bot.id) == bot_id).values(**values))
