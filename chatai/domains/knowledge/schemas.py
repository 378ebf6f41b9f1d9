"""What goes in and out of the knowledge domain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

from chatai.core.i18n import Language

DocumentKind = Literal["file", "web_page", "answer"]
"""web_page: fetched from `source_url`. answer: a question and its answer, see QAPair."""
DocumentState = Literal["queued", "reading", "embedding", "ready", "failed"]


@dataclass(frozen=True, slots=True)
class IncomingFile:
    """An upload that is on disk under its generated name, not yet a document. `name` is what the client called it."""

    name: str
    account_id: UUID
    storage_name: str
    path: Path
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A document's original on disk."""

    path: Path
    name: str
    media_type: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class FetchedPage:
    """What lay at an address. `name`: the page's title, or the file's name; text is in UTF-8."""

    url: str
    name: str
    media_type: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class DocumentView:
    """A document as people see it.

    `error_code` with the state `ready` is a remark, not a failure: the document is found by its words only.
    """

    id: UUID
    assistant_id: UUID
    name: str
    media_type: str
    size_bytes: int
    kind: DocumentKind
    source_url: str
    state: DocumentState
    page_count: int
    pages_read: int
    unreadable_pages: int
    chunk_count: int
    chunks_embedded: int
    error_code: str
    error_detail: Mapping[str, Any]
    report: Mapping[str, Any]
    """What reading it found, see `reporting`; empty before."""
    created_at: datetime
    updated_at: datetime
    ready_at: datetime | None

    @property
    def progress(self) -> float:
        """Share of the work that is done, 0 to 1: reading first, embedding last."""
        if self.state == "ready":
            return 1.0
        if self.state == "reading":
            return self.pages_read / self.page_count * 0.8 if self.page_count else 0.0
        if self.state == "embedding":
            return 0.8 + (self.chunks_embedded / self.chunk_count * 0.2 if self.chunk_count else 0.0)
        return 0.0

    def error(self, language: Language) -> str:
        """Why it failed or what is missing, for people; empty if all is well."""
        from chatai.domains.knowledge.errors import failure_sentence

        return failure_sentence(self.error_code, self.error_detail, language) if self.error_code else ""


@dataclass(frozen=True, slots=True)
class PairView:
    """A question with the answer that its owner wants given. `state`: of the document that makes it findable."""

    id: UUID
    question: str
    answer: str
    document_id: UUID
    state: str


@dataclass(frozen=True, slots=True)
class PageView:
    """One page's text. `number` is 1-based."""

    document_id: UUID
    document_name: str
    number: int
    page_count: int
    text: str
    unreadable: bool


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk that search found.

    `char_start` is its offset in the text of `page`, `char_end` the one in the text of `page_end`. `score` is the
    fused one and compares within one search only; the ranks are 1-based places in each leg, None where it is absent.
    """

    chunk_id: UUID
    document_id: UUID
    document_name: str
    page: int
    page_end: int
    char_start: int
    char_end: int
    heading: str
    text: str
    score: float
    text_rank: int | None = None
    vector_rank: int | None = None
    kind: DocumentKind = "file"
    edited: bool = False
    """A person wrote `text`; the offsets are of what it was written in the place of."""


@dataclass(frozen=True, slots=True)
class ChunkView:
    """A chunk as its keeper sees it. The offsets are as in `Passage`; `original_text` is None if nobody edited it."""

    id: UUID
    page: int
    page_end: int
    char_start: int
    char_end: int
    heading: str
    text: str
    original_text: str | None
    disabled: bool


@dataclass(frozen=True, slots=True)
class ChunkList:
    """Some of a document's chunks in their order. `total`: how many fit the question."""

    total: int
    chunks: list[ChunkView]


@dataclass(frozen=True, slots=True)
class ChunkChange:
    """What a person made of a chunk. `text` is None where it was only switched off."""

    read: str
    text: str | None
    disabled: bool


@dataclass(frozen=True, slots=True)
class ReadHeading:
    """A heading at an offset of its page's text. Level 1 is the highest."""

    offset: int
    level: int
    title: str


@dataclass(frozen=True, slots=True)
class ReadTable:
    """Rows of a table in their page's text, one a line, without the first one, which is the header."""

    start: int
    end: int
    header: str


@dataclass(frozen=True, slots=True)
class ReadPage:
    """A page as the reader gives it.

    `unreadable`: there is something on it, but no text. `recognised`: the text was read from a picture of the page.
    `not_reached`: the time for recognising the document's pages was used up before this one.
    """

    number: int
    text: str
    headings: tuple[ReadHeading, ...] = field(default=())
    unreadable: bool = False
    tables: tuple[ReadTable, ...] = field(default=())
    recognised: bool = False
    not_reached: bool = False


@dataclass(frozen=True, slots=True)
class ReadRow:
    """A row of a spreadsheet, its cells from the first column on."""

    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReadProgress:
    pages_read: int
    page_count: int


@dataclass(frozen=True, slots=True)
class ChunkDraft:
    """A chunk before it is stored; the offsets are as in `Passage`, the last two as in `models.Chunk`."""

    ordinal: int
    page: int
    page_end: int
    char_start: int
    char_end: int
    heading: str
    text: str
    original_text: str | None = None
    disabled: bool = False
