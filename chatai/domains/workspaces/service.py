"""Tenants: made with an account, entered by their members."""

from __future__ import annotations

from uuid import UUID

from chatai.core.actor import Role
from chatai.core.database import UnitOfWork
from chatai.core.ids import new_id
from chatai.domains.workspaces import repository
from chatai.domains.workspaces.models import Workspace, WorkspaceMember


async def create_workspace(uow: UnitOfWork, account_id: UUID, name: str) -> UUID:
    """Makes a workspace with its first admin and goes on in it."""
    workspace_id = new_id()
    await uow.enter(workspace_id, account_id)
    uow.session.add(Workspace(id=workspace_id, name=name[:100]))
    await uow.session.flush()
    uow.session.add(WorkspaceMember(workspace_id=workspace_id, account_id=account_id, role=Role.ADMIN))
    await uow.session.flush()
    return workspace_id


async def role_of(uow: UnitOfWork, account_id: UUID, workspace_id: UUID) -> Role | None:
    """What the person is in the workspace; None if they do not belong to it."""
    member = await repository.membership(uow, account_id, workspace_id)
    return Role(member.role) if member else None


async def home_of(uow: UnitOfWork, account_id: UUID) -> UUID | None:
    """The workspace that a person lands in at log-in: the one they have belonged to longest."""
    member = await repository.first_membership(uow, account_id)
    return member.workspace_id if member else None


async def name_of(uow: UnitOfWork, workspace_id: UUID) -> str:
    workspace = await repository.get(uow, workspace_id)
    return workspace.name if workspace else ""


async def admins_of(uow: UnitOfWork, workspace_id: UUID) -> list[UUID]:
    """The accounts that rule a workspace, the longest member first."""
    return list(await repository.admins(uow, workspace_id))
