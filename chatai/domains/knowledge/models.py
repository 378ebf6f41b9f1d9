"""Documents, their pages, and the chunks that search finds."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pgvector.sqlalchemy import HALFVEC
from sqlalchemy import BigInteger, Column, Index, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR
from sqlmodel import Field

from chatai.core.tables import TenantRow, timestamp


class Document(TenantRow, table=True):
    """A file that an assistant knows. Its bytes are in `uploads/{uploaded_by}/documents/{storage_name}`."""

    __tablename__ = "document"
    __table_args__ = (UniqueConstraint("assistant_id", "sha256"),)

    assistant_id: UUID = Field(foreign_key="assistant.id", ondelete="CASCADE", index=True)
    uploaded_by: UUID = Field(description="Account whose folder holds the file.")
    name: str = Field(max_length=255, description="As the person named it, cleaned for display.")
    media_type: str = Field(max_length=100, description="By content, not by name.")
    size_bytes: int = Field(sa_type=BigInteger)
    sha256: str = Field(max_length=64)
    storage_name: str = Field(max_length=64, description="Generated.")
    state: str = Field(default="queued", max_length=16, description="queued, reading, embedding, ready or failed.")
    page_count: int = 0
    pages_read: int = 0
    unreadable_pages: int = 0
    chunk_count: int = 0
    chunks_embedded: int = 0
    error_code: str = Field(default="", max_length=64)
    error_detail: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSONB, nullable=False))
    updated_at: datetime = timestamp(default=True)
    ready_at: datetime | None = timestamp(nullable=True)


class DocumentPage(TenantRow, table=True):
    """The text of one page. `char_start` is its offset in the whole document's text, in characters."""

    __tablename__ = "document_page"
    __table_args__ = (UniqueConstraint("document_id", "number"),)

    document_id: UUID = Field(foreign_key="document.id", ondelete="CASCADE")
    number: int = Field(description="From 1.")
    text: str = Field(sa_type=Text)
    char_start: int = 0
    unreadable: bool = Field(default=False, description="There is something on the page, but no text.")


class Chunk(TenantRow, table=True):
    """A piece of text that search finds. `char_start` counts within `page`, `char_end` within `page_end`."""

    __tablename__ = "chunk"
    __table_args__ = (
        UniqueConstraint("document_id", "ordinal"),
        Index("ix_chunk_search", "search", postgresql_using="gin"),
    )

    assistant_id: UUID = Field(foreign_key="assistant.id", ondelete="CASCADE", index=True)
    document_id: UUID = Field(foreign_key="document.id", ondelete="CASCADE")
    ordinal: int
    page: int
    page_end: int
    char_start: int
    char_end: int
    heading: str = Field(default="", max_length=500, description="Path of headings, ' › ' between them.")
    text: str = Field(sa_type=Text)
    search: Any = Field(default=None, sa_column=Column(TSVECTOR, nullable=False))
    embedding: Any = Field(default=None, sa_column=Column(HALFVEC, nullable=True))
    embedding_model: str = Field(default="", max_length=100)
