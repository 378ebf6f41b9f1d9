"""What model calls used."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Index
from sqlmodel import Field

from chatai.core.tables import TenantRow


class UsageRecord(TenantRow, table=True):
    """One call of a model: tokens as the provider counted them."""

    __tablename__ = "usage_record"
    __table_args__ = (Index("ix_usage_record_time", "workspace_id", "created_at"),)

    assistant_id: UUID | None = Field(default=None, foreign_key="assistant.id", ondelete="SET NULL", index=True)
    conversation_id: UUID | None = Field(default=None, foreign_key="conversation.id", ondelete="SET NULL", index=True)
    purpose: str = Field(max_length=16, description="answer, embedding or transcription.")
    model: str = Field(max_length=100)
    prompt_tokens: int = 0
    completion_tokens: int = 0
    duration_ms: int = 0
