"""Conversations, their messages, and the citations that prove an answer."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, Text, UniqueConstraint, text
from sqlmodel import Field

from chatai.core.tables import TenantRow, timestamp


class Conversation(TenantRow, table=True):
    """One person's talk with an assistant on one channel."""

    __tablename__ = "conversation"
    __table_args__ = (
        Index("ix_conversation_last_message", "workspace_id", "last_message_at"),
        Index("ix_conversation_external", "assistant_id", "channel", "external_id"),
        Index(
            "uq_conversation_open",
            "assistant_id",
            "channel",
            "external_id",
            unique=True,
            postgresql_where=text("closed_at IS NULL AND external_id <> ''"),
        ),
    )

    assistant_id: UUID = Field(foreign_key="assistant.id", ondelete="CASCADE", index=True)
    channel: str = Field(max_length=16, description="web, telegram, api or widget.")
    external_id: str = Field(default="", max_length=200, description="The channel's own name of it, a chat id say.")
    account_id: UUID | None = Field(default=None, foreign_key="account.id", ondelete="SET NULL", index=True)
    bot_id: UUID | None = Field(default=None, foreign_key="bot.id", ondelete="SET NULL", index=True)
    person_name: str = Field(default="", max_length=200)
    title: str = Field(default="", max_length=200)
    language: str = Field(default="en", max_length=2)
    last_message_at: datetime = timestamp(default=True)
    closed_at: datetime | None = timestamp(nullable=True)


class Message(TenantRow, table=True):
    """What one side said. An answer names the question that it replies to."""

    __tablename__ = "message"
    __table_args__ = (
        UniqueConstraint("conversation_id", "external_id"),
        Index("ix_message_conversation", "conversation_id", "id"),
    )

    conversation_id: UUID = Field(foreign_key="conversation.id", ondelete="CASCADE")
    role: str = Field(max_length=16, description="person or assistant.")
    text: str = Field(default="", sa_type=Text)
    state: str = Field(default="complete", max_length=16, description="complete, streaming, interrupted or failed.")
    reply_to: UUID | None = Field(default=None, foreign_key="message.id", ondelete="CASCADE", index=True)
    external_id: str | None = Field(default=None, max_length=200, description="The channel's own name of it.")
    model: str = Field(default="", max_length=100)
    error_code: str = Field(default="", max_length=64)
    prompt_tokens: int = 0
    completion_tokens: int = 0
    author: str = Field(default="", max_length=200, description="Who said it, where several people talk.")
    attachment_name: str = Field(default="", max_length=255, description="A file that came with the question.")
    attachment_text: str = Field(default="", sa_type=Text, description="What could be read in it, or heard.")


class Citation(TenantRow, table=True):
    """Where an answer's [number] stands in a document. Kept as it was, also when the document goes."""

    __tablename__ = "citation"
    __table_args__ = (UniqueConstraint("message_id", "number"),)

    message_id: UUID = Field(foreign_key="message.id", ondelete="CASCADE")
    number: int
    document_id: UUID | None = Field(default=None, foreign_key="document.id", ondelete="SET NULL", index=True)
    chunk_id: UUID | None = Field(default=None, foreign_key="chunk.id", ondelete="SET NULL", index=True)
    document_name: str = Field(max_length=255)
    page: int
    page_end: int
    char_start: int
    char_end: int
    quote: str = Field(sa_type=Text)


class UnansweredQuestion(TenantRow, table=True):
    """A question that the documents did not answer. It goes with its answer, and so with its conversation."""

    __tablename__ = "unanswered_question"
    __table_args__ = (
        Index("ix_unanswered_question_group", "assistant_id", "state", "key"),
        Index("ix_unanswered_question_created_at", "created_at"),
    )

    assistant_id: UUID = Field(foreign_key="assistant.id", ondelete="CASCADE")
    conversation_id: UUID = Field(foreign_key="conversation.id", ondelete="CASCADE", index=True)
    message_id: UUID = Field(foreign_key="message.id", ondelete="CASCADE", unique=True, description="The answer.")
    question: str = Field(sa_type=Text)
    key: str = Field(max_length=64, description="Equal for equal questions, see `unanswered.key_of`.")
    language: str = Field(max_length=2)
    reason: str = Field(max_length=16, description="not_told or no_source.")
    state: str = Field(default="open", max_length=16, description="open, answered or dismissed.")
    settled_at: datetime | None = timestamp(nullable=True)
