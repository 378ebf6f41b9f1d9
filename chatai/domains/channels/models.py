"""Telegram bots and the updates that they received."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Column, Index
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from chatai.core.tables import TenantRow, timestamp


class Bot(TenantRow, table=True):
    """A Telegram bot, what its owner wants of it, and how it is."""

    __tablename__ = "bot"

    assistant_id: UUID = Field(foreign_key="assistant.id", ondelete="CASCADE", index=True)
    telegram_id: int = Field(sa_type=BigInteger, unique=True)
    username: str = Field(max_length=64)
    name: str = Field(max_length=100)
    token_encrypted: str = Field(max_length=500)
    webhook_secret: str = Field(max_length=64)
    webhook_url: str = Field(default="", max_length=300, description="What Telegram was last told; empty: nothing.")
    mode: str = Field(default="polling", max_length=16, description="polling or webhook.")
    desired_state: str = Field(default="running", max_length=16, description="running or stopped.")
    state: str = Field(default="stopped", max_length=16, description="See BotState in schemas.")
    state_reason: str = Field(default="", max_length=500, description="Code of the error that explains the state.")
    last_error: str = Field(default="", max_length=500, description="What Telegram or the process said, in English.")
    polling_offset: int = Field(default=0, sa_type=BigInteger)
    updated_at: datetime = timestamp(default=True)  # moved by people only: the bot manager looks for changes by it


class BotUpdate(SQLModel, table=True):
    """An update from Telegram, stored before it is acknowledged. (bot, update_id) makes it unique."""

    __tablename__ = "bot_update"
    __table_args__ = (
        Index("ix_bot_update_undone", "bot_id", "update_id", postgresql_where="state IN ('new', 'taken')"),
        Index("ix_bot_update_received", "received_at"),
    )

    bot_id: UUID = Field(foreign_key="bot.id", ondelete="CASCADE", primary_key=True)
    update_id: int = Field(sa_type=BigInteger, primary_key=True)
    workspace_id: UUID = Field(foreign_key="workspace.id", ondelete="CASCADE", index=True)
    chat_id: int = Field(default=0, sa_type=BigInteger)
    payload: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    state: str = Field(default="new", max_length=16, description="See UpdateState in schemas.")
    attempts: int = 0
    reply_message_ids: list[int] = Field(default_factory=list, sa_column=Column(JSONB, nullable=False))
    error: str = Field(default="", max_length=500)
    received_at: datetime = timestamp(default=True)
    taken_at: datetime | None = timestamp(nullable=True)
    done_at: datetime | None = timestamp(nullable=True)
