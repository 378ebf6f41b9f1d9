"""Records who did what, in the database and in `logs/audit.log`."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from uuid import UUID

import structlog
from sqlalchemy import select
from sqlmodel import col

from chatai.core.actor import Actor
from chatai.core.database import UnitOfWork
from chatai.domains.audit.models import AuditEvent

_log = structlog.get_logger("audit")


async def record(
    uow: UnitOfWork,
    actor: Actor | None,
    action: str,
    subject_id: UUID | None = None,
    *,
    address: str = "",
    workspace_id: UUID | None = None,
    **detail: object,
) -> None:
    """Adds an event to the transaction and a line to the audit log.

    Args:
        uow: The transaction; the event counts for the workspace that it is in.
        workspace_id: The one that it counts for, where the transaction is the system's.
        actor: Who did it; None for somebody who is not logged in.
        action: subject:object:action, as in `account:session:create`.
        subject_id: What it was done to.
        address: IP address, where it matters.
        detail: More, as JSON. Never secrets, never what people wrote.
    """
    kind = actor.kind if actor else "anonymous"
    account_id = actor.account_id if actor else None
    workspace = uow.workspace_id or workspace_id
    uow.session.add(
        AuditEvent(
            workspace_id=workspace,
            actor_kind=kind,
            account_id=account_id,
            action=action,
            subject_id=subject_id,
            address=address,
            detail={key: str(value) for key, value in detail.items()},
        )
    )

    def write() -> None:
        _log.log(
            logging.INFO,
            action,
            actor_kind=kind,
            account_id=str(account_id or ""),
            workspace_id=str(workspace or ""),
            subject_id=str(subject_id or ""),
            address=address,
            **{key: str(value) for key, value in detail.items()},
        )

    uow.after_commit(write)


async def latest(uow: UnitOfWork, workspace_id: UUID, subject_id: UUID, actions: Sequence[str]) -> str:
    """Which of these actions was done last to something of a workspace; empty: none of them."""
    statement = (
        select(col(AuditEvent.action))
        .where(
            col(AuditEvent.workspace_id) == workspace_id,
            col(AuditEvent.subject_id) == subject_id,
            col(AuditEvent.action).in_(actions),
        )
        .order_by(col(AuditEvent.id).desc())
        .limit(1)
    )
    return (await uow.session.execute(statement)).scalar_one_or_none() or ""
