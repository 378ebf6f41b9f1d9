"""The rows of bots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from chatai.core.clock import now
from chatai.core.database import UnitOfWork
from chatai.domains.channels.models import Bot
from chatai.domains.channels.schemas import BotState, DesiredState, ManagedBot, Mode


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


async def find_by_telegram_id(uow: UnitOfWork, telegram_id: int) -> Bot | None:
    """Among the bots that this unit of work may see."""
    found = await uow.session.execute(select(Bot).where(col(Bot.telegram_id) == telegram_id))
    return found.scalar_one_or_none()


async def list_bots(uow: UnitOfWork, assistant_id: UUID | None) -> Sequence[Bot]:
    query = select(Bot).order_by(col(Bot.created_at), col(Bot.id))
    if assistant_id is not None:
        query = query.where(col(Bot.assistant_id) == assistant_id)
    return (await uow.session.execute(query)).scalars().all()


async def want(uow: UnitOfWork, bot_id: UUID, desired: DesiredState, state: BotState) -> None:
    """Writes what people want of a bot, and forgets earlier trouble."""
    await uow.session.execute(
        update(Bot)
        .where(col(Bot.id) == bot_id)
        .values(desired_state=desired, state=state, state_reason="", last_error="", updated_at=now())
    )


async def remove(uow: UnitOfWork, bot_id: UUID) -> None:
    await uow.session.execute(delete(Bot).where(col(Bot.id) == bot_id))


async def list_changes(uow: UnitOfWork) -> dict[UUID, datetime]:
    """Every bot, and when people last changed it."""
    rows = await uow.session.execute(select(col(Bot.id), col(Bot.updated_at)))
    return {row.id: row.updated_at for row in rows}


async def list_managed(uow: UnitOfWork, bot_ids: Sequence[UUID]) -> list[ManagedBot]:
    columns = [getattr(Bot, field.name) for field in fields(ManagedBot)]
    rows = await uow.session.execute(select(*columns).where(col(Bot.id).in_(bot_ids)))
    return [ManagedBot(*row) for row in rows]


async def set_state(uow: UnitOfWork, bot_id: UUID, state: BotState, reason: str, last_error: str | None) -> None:
    """Writes how a bot is that is wanted to run. `last_error=None` leaves the one that is there."""
    values: dict[str, str] = {"state": state, "state_reason": reason}
    if last_error is not None:
        values["last_error"] = last_error[:500]
    wanted = (col(Bot.id) == bot_id) & (col(Bot.desired_state) == "running")
    await uow.session.execute(update(Bot).where(wanted).values(**values))


async def set_receiving(uow: UnitOfWork, bot_id: UUID, mode: Mode, webhook_url: str, webhook_secret: str) -> None:
    await uow.session.execute(
        update(Bot)
        .where(col(Bot.id) == bot_id)
        .values(mode=mode, webhook_url=webhook_url, webhook_secret=webhook_secret)
    )
