"""The SQL of workspaces."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from chatai.core.actor import Role
from chatai.core.database import UnitOfWork
from chatai.domains.workspaces.models import Workspace, WorkspaceMember


async def membership(uow: UnitOfWork, account_id: UUID, workspace_id: UUID) -> WorkspaceMember | None:
    statement = select(WorkspaceMember).where(
        col(WorkspaceMember.account_id) == account_id, col(WorkspaceMember.workspace_id) == workspace_id
    )
    return (await uow.session.execute(statement)).scalar_one_or_none()


async def first_membership(uow: UnitOfWork, account_id: UUID) -> WorkspaceMember | None:
    statement = (
        select(WorkspaceMember)
        .where(col(WorkspaceMember.account_id) == account_id)
        .order_by(col(WorkspaceMember.id))
        .limit(1)
    )
    return (await uow.session.execute(statement)).scalar_one_or_none()


async def get(uow: UnitOfWork, workspace_id: UUID) -> Workspace | None:
    return await uow.session.get(Workspace, workspace_id)


async def admins(uow: UnitOfWork, workspace_id: UUID) -> Sequence[UUID]:
    statement = (
        select(col(WorkspaceMember.account_id))
        .where(col(WorkspaceMember.workspace_id) == workspace_id, col(WorkspaceMember.role) == Role.ADMIN)
        .order_by(col(WorkspaceMember.id))
    )
    return (await uow.session.execute(statement)).scalars().all()
