"""Updates that failed too often to be tried again by themselves: seen, tried again, or dismissed by people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, update
from sqlmodel import col

from chatai.core.actor import Actor
from chatai.core.clock import now
from chatai.core.database import UnitOfWork
from chatai.domains.audit import service as audit
from chatai.domains.channels import repository
from chatai.domains.channels.access import require_run_bots
from chatai.domains.channels.models import BotUpdate
from chatai.domains.channels.service import BOTS_CHANNEL

MOST_LISTED = 50
DISMISSED = "dismissed"


@dataclass(frozen=True, slots=True)
class SetAside:
    """An update that was set aside. What the person wrote stands in the conversation, not here."""

    update_id: int
    chat_id: int
    attempts: int
    error: str
    received_at: datetime


async def list_set_aside(uow: UnitOfWork, actor: Actor, bot_id: UUID) -> tuple[list[SetAside], int]:
    """The newest of them, and how many there are. Raises: BotNotFound, MayNotManageBots."""
    require_run_bots(actor)
    await repository.require(uow, bot_id)
    aside = (col(BotUpdate.bot_id) == bot_id) & (col(BotUpdate.state) == "set_aside")
    number = (await uow.session.execute(select(func.count()).select_from(BotUpdate).where(aside))).scalar_one()
    query = select(BotUpdate).where(aside).order_by(col(BotUpdate.update_id).desc()).limit(MOST_LISTED)
    rows = (await uow.session.execute(query)).scalars()
    return [SetAside(row.update_id, row.chat_id, row.attempts, row.error, row.received_at) for row in rows], number


async def retry(uow: UnitOfWork, actor: Actor, bot_id: UUID, update_ids: Sequence[int] | None = None) -> int:
    """Has these updates, or all that were set aside, answered after all. Returns how many.

    Raises:
        BotNotFound, MayNotManageBots
    """
    values = {"state": "new", "attempts": 0, "error": "", "done_at": None, "taken_at": None}
    return await _change(uow, actor, bot_id, update_ids, values, "channels:updates:retry")


async def dismiss(uow: UnitOfWork, actor: Actor, bot_id: UUID, update_ids: Sequence[int] | None = None) -> int:
    """Lets these updates, or all that were set aside, go unanswered. Raises as `retry`."""
    values = {"state": "failed", "error": DISMISSED, "done_at": now()}
    return await _change(uow, actor, bot_id, update_ids, values, "channels:updates:dismiss")


async def _change(
    uow: UnitOfWork,
    actor: Actor,
    bot_id: UUID,
    update_ids: Sequence[int] | None,
    values: dict[str, object],
    action: str,
) -> int:
    require_run_bots(actor)
    await repository.require(uow, bot_id)
    aside = (col(BotUpdate.bot_id) == bot_id) & (col(BotUpdate.state) == "set_aside")
    if update_ids is not None:
        aside &= col(BotUpdate.update_id).in_(update_ids)
    changed = await uow.session.execute(
        update(BotUpdate).where(aside).values(**values).returning(col(BotUpdate.update_id))
    )
    number = len(changed.all())
    if number:
        await audit.record(uow, actor, action, bot_id, number=number)
        await uow.notify(BOTS_CHANNEL, str(bot_id))
    return number
