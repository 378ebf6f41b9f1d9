"""What knowledge needs from outside: a reader of files, a place for them, and perhaps an embedding model."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol
from uuid import UUID

from chatai.core.ports import Port
from chatai.domains.knowledge.schemas import FetchedPage, ReadPage, ReadProgress


class DocumentReader(Protocol):
    async def identify(self, path: Path, name: str) -> str:
        """The media type by content.

        Raises:
            UnreadableDocument: It is none that can be read.
        """
        ...

    def read(self, path: Path, media_type: str) -> AsyncGenerator[ReadProgress | ReadPage, None]:
        """Progress as it goes, then every page in order. Closing the iterator stops the reading.

        Raises:
            UnreadableDocument: Why it can't be read.
        """
        ...


class TableReader(Protocol):
    async def read_rows(self, path: Path) -> list[list[str]]:
        """The cells of an XLSX file's first sheet as people see them, row by row; of formulas the stored results.

        Raises:
            UnreadableDocument: Why it can't be read.
        """
        ...


class NewFile(Protocol):
    """A file that is being received, under a name of its own that nobody else sees."""

    @property
    def storage_name(self) -> str: ...

    @property
    def path(self) -> Path: ...

    def write(self, data: bytes) -> None:
        """Raises StorageFull."""
        ...

    def finish(self) -> None:
        """All bytes are on the disk, not only in its cache, when this returns."""
        ...

    def discard(self) -> None: ...


@dataclass(frozen=True, slots=True)
class FileOnDisk:
    """`changed_at` in seconds since 1970. `unfinished`: it is being received, or its upload was cut off."""

    account_id: UUID
    storage_name: str
    size_bytes: int
    changed_at: float
    unfinished: bool


class FileStore(Protocol):
    """People's files. All methods block: call them in a thread."""

    def new(self, account_id: UUID) -> NewFile: ...

    def keep(self, account_id: UUID, storage_name: str) -> None:
        """Gives a finished file its final name, atomically."""
        ...

    def path(self, account_id: UUID, storage_name: str) -> Path: ...

    def copy(self, account_id: UUID, storage_name: str) -> str | None:
        """Keeps the same content under another generated name, which it returns; None if there is no such file."""
        ...

    def delete(self, account_id: UUID, storage_name: str) -> None:
        """Removes the file, finished, unfinished or in quarantine. Nothing happens if there is none."""
        ...

    def quarantine(self, account_id: UUID, storage_name: str) -> None:
        """Takes a file out of everybody's reach: it is no longer found by `path`. Nothing happens if there is none."""
        ...

    def inventory(self) -> Iterator[FileOnDisk]:
        """Every file that people's folders hold, in no order."""
        ...


class WebPages(Protocol):
    """Pages of the open internet. Both methods may raise AddressRefused and SiteAway of `chatai.core.outgoing`."""

    async def fetch(self, url: str) -> FetchedPage:
        """The page at an address, or the document that lies there."""
        ...

    async def addresses(self, url: str, most: int) -> list[str]:
        """Addresses of a site's pages by its sitemap, on the host of `url`, in the sitemap's order."""
        ...


class MalwareScanner(Protocol):
    async def scan(self, path: Path) -> str:
        """The name of what was found in the file, or "".

        Raises:
            ScannerAway: Nothing is known of the file.
        """
        ...


Purpose = Literal["query", "passage"]  # some models embed what is asked and what may answer it differently


@dataclass(frozen=True, slots=True)
class Measured:
    """Texts in an embedding model's tokens.

    Attributes:
        tokens: Of each text alone.
        room: How many a passage may have, beside what the model adds to each.
    """

    tokens: list[int]
    room: int


class Embedder(Protocol):
    """An embedding model."""

    @property
    def model(self) -> str:
        """Its name with what else distinguishes its vectors, e.g. `text-embedding-3-small@512`."""
        ...

    async def embed(self, texts: Sequence[str], purpose: Purpose, *, model: str | None = None) -> list[list[float]]:
        """One vector a text, in order, all of one length.

        Args:
            texts: What is embedded.
            purpose: What they are.
            model: Another one than the model that is set: the one before it, whose vectors still serve.

        Raises:
            EmbeddingsAway: Worth another try.
            EmbeddingsRefused: Not worth one.
        """
        ...

    async def measure(self, texts: Sequence[str]) -> Measured:
        """How long texts are for the model: counted where its tokenizer is at hand, else estimated.

        Raises: as `embed`.
        """
        ...


class RerankerAway(Exception):
    """The reranking model gave no sound answer. Search goes on without it; people hear nothing of it."""


class Reranker(Protocol):
    """A model that reads a question and a passage together."""

    async def scores(self, query: str, texts: Sequence[str]) -> list[float]:
        """How well each text answers the query; more is better, the scale is the model's own.

        Raises:
            RerankerAway
        """
        ...


document_reader: Port[DocumentReader] = Port("document reader")
table_reader: Port[TableReader] = Port("table reader")
web_pages: Port[WebPages] = Port("web pages")
malware_scanner: Port[MalwareScanner] = Port("malware scanner")
file_store: Port[FileStore] = Port("file store")
embedder: Port[Embedder] = Port("embedder")
reranker: Port[Reranker] = Port("reranker")
