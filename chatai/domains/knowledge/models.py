"""Documents, their pages, and the chunks that search finds."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pgvector.sqlalchemy import HALFVEC
from sqlalchemy import BigInteger, Column, Identity, Index, Text, UniqueConstraint, false
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSVECTOR
from sqlmodel import Field, SQLModel

from chatai.core.tables import TenantRow, timestamp
from chatai.domains.knowledge.terms import VERSION


class Document(TenantRow, table=True):
    """A file that an assistant knows. Its bytes are in `uploads/{uploaded_by}/documents/{storage_name}`."""

    __tablename__ = "document"
    __table_args__ = (UniqueConstraint("assistant_id", "sha256"),)

    assistant_id: UUID = Field(foreign_key="assistant.id", ondelete="CASCADE", index=True)
    uploaded_by: UUID = Field(description="Account whose folder holds the file.")
    name: str = Field(max_length=255, description="As the person named it, cleaned for display.")
    media_type: str = Field(max_length=100, description="By content, not by name.")
    size_bytes: int = Field(sa_type=BigInteger)
    kind: str = Field(default="file", max_length=16, description="See DocumentKind in schemas.")
    source_url: str = Field(default="", max_length=2000, description="Of a web page.")
    fetched_at: datetime | None = timestamp(nullable=True)
    sha256: str = Field(max_length=64, description="Of what makes it the same one: a file's bytes, a page's address, …")
    storage_name: str = Field(max_length=64, description="Generated. Empty while there is no file.")
    report: dict[str, Any] = Field(
        default_factory=dict, sa_column=Column(JSONB, nullable=False), description="See DocumentReport in schemas."
    )
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
        UniqueConstraint("assistant_id", "number"),
        Index("ix_chunk_assistant_id_content", "assistant_id", "content"),
    )

    assistant_id: UUID = Field(foreign_key="assistant.id", ondelete="CASCADE")
    document_id: UUID = Field(foreign_key="document.id", ondelete="CASCADE")
    number: int = Field(description="From 1 within the assistant, never given twice; how postings name the chunk.")
    ordinal: int
    page: int
    page_end: int
    char_start: int
    char_end: int
    heading: str = Field(default="", max_length=500, description="Path of headings, ' › ' between them.")
    text: str = Field(sa_type=Text)
    original_text: str | None = Field(default=None, sa_type=Text, description="As it was read, if `text` was edited.")
    disabled: bool = Field(
        default=False, sa_column_kwargs={"server_default": false()}, description="Kept, but never found by search."
    )
    search: Any = Field(default=None, sa_column=Column(TSVECTOR, nullable=False))
    content: UUID = Field(description="Digest of heading and text: chunks that say the same share a vector.")


class KnowledgeIndex(SQLModel, table=True):
    """What search must know of an assistant's chunks as a whole. Its row is locked while chunks are added or taken."""

    __tablename__ = "knowledge_index"

    assistant_id: UUID = Field(foreign_key="assistant.id", ondelete="CASCADE", primary_key=True)
    workspace_id: UUID = Field(foreign_key="workspace.id", ondelete="CASCADE", index=True)
    chunks: int = 0
    terms: int = Field(default=0, sa_type=BigInteger, description="Different terms of each chunk, summed up.")
    last_number: int = Field(default=0, description="Of the chunks that ever were.")
    embedding_model: str = Field(default="", sa_type=Text, description="Whose vectors serve. Empty: none yet.")
    dimension: int = Field(default=0, description="Of the vectors that serve.")
    terms_version: int = Field(
        default=VERSION, sa_column_kwargs={"server_default": "0"}, description="Chunks are indexed by it or later."
    )
    near_index: bool = Field(default=False, description="The serving vectors have an index of nearest neighbours.")
    trouble: str = Field(default="", max_length=64, description="Why embedding anew does not go on: an error's code.")
    trouble_at: datetime | None = timestamp(nullable=True)
    retrying: bool = Field(default=False, description="Embedding anew is tried again by itself.")


class KnowledgeSegment(SQLModel, table=True):
    """The inverted index of a run of chunk numbers, written once. When it goes, a trigger takes its postings along."""

    __tablename__ = "knowledge_segment"

    id: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(always=False), primary_key=True))
    workspace_id: UUID = Field(foreign_key="workspace.id", ondelete="CASCADE", index=True)
    assistant_id: UUID = Field(foreign_key="assistant.id", ondelete="CASCADE", index=True)
    first: int
    last: int
    chunks: int = Field(description="When it was built.")


class ChunkPosting(SQLModel, table=True):
    """Chunks of a segment that hold a term, those in which it weighs most in block 0. No foreign keys: see the trigger.

    An entry is `chunk number * 4096 + impact`; the impact is the term's frequency part of BM25 as 0 to 4095.
    """

    __tablename__ = "chunk_posting"

    assistant_id: UUID = Field(primary_key=True)
    segment: int = Field(sa_type=BigInteger, primary_key=True)
    term: int = Field(sa_type=BigInteger, primary_key=True, description="hashtextextended(lexeme, 0).")
    block: int = Field(primary_key=True)
    workspace_id: UUID
    size: int = Field(description="Entries.")
    bound: int = Field(description="The greatest impact among them.")
    entries: Any = Field(default=None, sa_column=Column(ARRAY(BigInteger), nullable=False))


class ChunkVector(SQLModel, table=True):
    """What a chunk says, as a model embedded it. Hash partitions by workspace; several models' vectors side by side."""

    __tablename__ = "chunk_vector"
    __table_args__ = {"postgresql_partition_by": "HASH (workspace_id)"}

    workspace_id: UUID = Field(primary_key=True)
    assistant_id: UUID = Field(foreign_key="assistant.id", ondelete="CASCADE", primary_key=True, index=True)
    model: str = Field(sa_type=Text, primary_key=True)
    content: UUID = Field(primary_key=True, description="`Chunk.content`.")
    embedding: Any = Field(default=None, sa_column=Column(HALFVEC, nullable=False))


class QAPair(TenantRow, table=True):
    """A question with the answer that its owner wants given; found through a document of the kind `answer`."""

    __tablename__ = "qa_pair"

    assistant_id: UUID = Field(foreign_key="assistant.id", ondelete="CASCADE", index=True)
    document_id: UUID = Field(foreign_key="document.id", ondelete="CASCADE", unique=True)
    question: str = Field(max_length=500)
    answer: str = Field(sa_type=Text)
