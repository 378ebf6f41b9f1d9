"""The record of security-relevant actions."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Column, Index
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from chatai.core.tables import Row


class AuditEvent(Row, table=True):
    """Who did what. Rows are only ever added: the application role may neither change nor delete them.

    `workspace_id` is empty for what concerns the installation (a failed log-in, say); such rows only the system sees.
    """

    __tablename__ = "audit_event"
    __table_args__ = (Index("ix_audit_event_time", "workspace_id", "created_at"),)

    workspace_id: UUID | None = Field(default=None, foreign_key="workspace.id", ondelete="CASCADE")
    actor_kind: str = Field(max_length=16)
    account_id: UUID | None = Field(default=None, index=True)
    action: str = Field(max_length=64, description="subject:object:action, as in account:session:create.")
    subject_id: UUID | None = None
    address: str = Field(default="", max_length=45)
    detail: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSONB, nullable=False))
