"""Records who did what, in the database and in `logs/audit.log`."""

from __future__ import annotations

import logging
from uuid import UUID

import structlog

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
    **detail: object,
) -> None:
    """Adds an event to the transaction and a line to the audit log.

    Args:
        uow: The transaction; the event counts for the workspace that it is in.
        actor: Who did it; None for somebody who is not logged in.
        action: subject:object:action, as in `account:session:create`.
        subject_id: What it was done to.
        address: IP address, where it matters.
        detail: More, as JSON. Never secrets, never what people wrote.
    """
    kind = actor.kind if actor else "anonymous"
    account_id = actor.account_id if actor else None
    uow.session.add(
        AuditEvent(
            workspace_id=uow.workspace_id,
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
            workspace_id=str(uow.workspace_id or ""),
            subject_id=str(subject_id or ""),
            address=address,
            **{key: str(value) for key, value in detail.items()},
        )

    uow.after_commit(write)
