"""Assistants and their versions."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import UniqueConstraint
from sqlmodel import Field

from chatai.core.tables import TenantRow, timestamp


class Assistant(TenantRow, table=True):
    """An assistant as it answers now. What it was before is in its versions."""

    __tablename__ = "assistant"

    name: str = Field(max_length=100)
    description: str = Field(default="", max_length=500)
    instructions: str = Field(default="", max_length=20_000)
    greeting: str = Field(default="", max_length=1_000)
    model: str = Field(default="", max_length=100, description="Empty: the installation's model.")
    temperature: float = Field(default=0.2, description="0 to 2.")
    version: int = Field(default=1, description="Number of the version in use.")
    updated_at: datetime = timestamp(default=True)


class AssistantVersion(TenantRow, table=True):
    """One state of an assistant's set-up. Versions are never changed; restoring one makes a new one."""

    __tablename__ = "assistant_version"
    __table_args__ = (UniqueConstraint("assistant_id", "number"),)

    assistant_id: UUID = Field(foreign_key="assistant.id", ondelete="CASCADE", index=True)
    number: int
    account_id: UUID | None = Field(default=None, foreign_key="account.id", ondelete="SET NULL", index=True)
    name: str = Field(max_length=100)
    description: str = Field(default="", max_length=500)
    instructions: str = Field(default="", max_length=20_000)
    greeting: str = Field(default="", max_length=1_000)
    model: str = Field(default="", max_length=100)
    temperature: float = 0.2
