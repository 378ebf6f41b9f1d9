"""Tenants and who belongs to them."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import UniqueConstraint
from sqlmodel import Field

from chatai.core.actor import Role
from chatai.core.tables import Row, TenantRow


class Workspace(Row, table=True):
    """A tenant: everything of a business that others must not see."""

    __tablename__ = "workspace"

    name: str = Field(max_length=100)


class WorkspaceMember(TenantRow, table=True):
    """That a person belongs to a workspace, and as what."""

    __tablename__ = "workspace_member"
    __table_args__ = (UniqueConstraint("workspace_id", "account_id"),)

    account_id: UUID = Field(foreign_key="account.id", ondelete="CASCADE", index=True)
    role: str = Field(default=Role.USER, max_length=16)
