"""The SQL of documents, pages and chunks. Row security keeps every statement in the workspace of the transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, LiteralString
from uuid import UUID

from sqlalchemy import CursorResult, case, delete, func, insert, select, text, update
from sqlmodel import col

from chatai.core.clock import now
from chatai.core.database import UnitOfWork
from chatai.core.ids import new_id
from chatai.core.statements import Runs
from chatai.domains.knowledge import postings
from chatai.domains.knowledge.models import Chunk, Document, DocumentPage, KnowledgeIndex
from chatai.domains.knowledge.schemas import ChunkChange, ChunkDraft, ChunkList, ChunkView, ReadPage
from chatai.domains.knowledge.terms import codes, folded, searchable

ROWS_AT_ONCE = 500

# A chunk's digest and what it is searched by. The heading path is searched too: it often holds the very words that the
# text under it takes for granted.
_CONTENT = "CAST(md5({heading} || E'\\n' || {text}) AS uuid)"
_SEARCH = "to_tsvector('russian', {indexed}) || array_to_tsvector(string_to_array({codes}, ' '))"

_INSERT_CHUNKS = text(
    f"""
    WITH made AS (
        INSERT INTO chunk (id, created_at, workspace_id, assistant_id, document_id, number, ordinal, page, page_end,
                           char_start, char_end, heading, text, original_text, disabled, content, search)
        SELECT id, :now, :workspace_id, :assistant_id, :document_id, :last_number + place, ordinal, page, page_end,
               char_start, char_end, heading, text, original_text, disabled,
               {_CONTENT.format(heading="heading", text="text")},
               {_SEARCH.format(indexed="indexed", codes="codes")}
        FROM unnest(CAST(:ids AS uuid[]), CAST(:ordinals AS int[]), CAST(:pages AS int[]), CAST(:page_ends AS int[]),
                    CAST(:starts AS int[]), CAST(:ends AS int[]), CAST(:headings AS text[]), CAST(:texts AS text[]),
                    CAST(:originals AS text[]), CAST(:disabled AS bool[]), CAST(:indexed AS text[]),
                    CAST(:codes AS text[])) WITH ORDINALITY
             AS row(id, ordinal, page, page_end, char_start, char_end, heading, text, original_text, disabled, indexed,
                    codes, place)
        RETURNING length(search) AS terms
    )
    SELECT count(*), coalesce(sum(terms), 0) FROM made
    """  # noqa: S608  our own expressions
)

_REWRITE_CHUNK = text(
    f"""
    WITH before AS (
        SELECT length(search) AS terms FROM chunk WHERE id = :id
    ), made AS (
        UPDATE chunk SET number = :number, text = :text, original_text = :original_text,
                         content = {_CONTENT.format(heading="heading", text="CAST(:text AS text)")},
                         search = {_SEARCH.format(indexed="CAST(:indexed AS text)", codes="CAST(:codes AS text)")}
        WHERE id = :id RETURNING length(search) AS terms
    )
    SELECT made.terms - before.terms FROM before, made
    """  # noqa: S608  our own expressions
)

_INDEX_ANEW = text(
    f"""
    WITH fresh AS MATERIALIZED (
        SELECT id, {_SEARCH.format(indexed="indexed", codes="codes")} AS search
        FROM unnest(CAST(:ids AS uuid[]), CAST(:indexed AS text[]), CAST(:codes AS text[])) AS row(id, indexed, codes)
    ), before AS MATERIALIZED (
        SELECT chunk.id, length(chunk.search) AS terms FROM fresh JOIN chunk ON chunk.id = fresh.id
        WHERE chunk.search <> fresh.search
    ), made AS (
        UPDATE chunk SET search = fresh.search FROM fresh JOIN before ON before.id = fresh.id
        WHERE chunk.id = fresh.id
        RETURNING length(chunk.search) - before.terms AS more
    )
    SELECT count(*), coalesce(sum(more), 0) FROM made
    """  # noqa: S608  our own expressions
)

_CHUNK_COLUMNS = "id, page, page_end, char_start, char_end, heading, text, original_text, disabled"
_LIST_CHUNKS = text(
    f"""
    SELECT count(*) OVER () AS total, {_CHUNK_COLUMNS} FROM chunk
    WHERE document_id = :document_id AND (
        :words = '' OR search @@ plainto_tsquery('russian', :searchable)
        OR (cardinality(CAST(:codes AS text[])) > 0 AND tsvector_to_array(search) @> CAST(:codes AS text[]))
        OR strpos(translate(lower(heading || ' ' || text), 'ё\u0301\u00ad', 'е'), lower(:words)) > 0
    )
    ORDER BY ordinal LIMIT :limit OFFSET :first
    """  # noqa: S608  our own columns
)
_ONE_CHUNK = text(f"SELECT document_id, {_CHUNK_COLUMNS} FROM chunk WHERE id = :id")  # noqa: S608  our own columns


_PAGE_STARTS: LiteralString = """
    SELECT number, char_start FROM document_page
    WHERE document_id = %(document)s AND number BETWEEN %(first)s AND %(last)s ORDER BY number
"""


async def get(uow: UnitOfWork, document_id: UUID, *, lock: bool = False) -> Document | None:
    return await uow.session.get(Document, document_id, with_for_update=lock or None, populate_existing=lock)


async def of_assistant(uow: UnitOfWork, assistant_id: UUID) -> Sequence[Document]:
    """The latest first."""
    statement = (
        select(Document)
        .where(col(Document.assistant_id) == assistant_id)
        .order_by(col(Document.created_at).desc(), col(Document.id).desc())
    )
    return (await uow.session.execute(statement)).scalars().all()


async def by_content(uow: UnitOfWork, assistant_id: UUID, sha256: str) -> Document | None:
    statement = select(Document).where(col(Document.assistant_id) == assistant_id, col(Document.sha256) == sha256)
    return (await uow.session.execute(statement)).scalar_one_or_none()


async def page(uow: UnitOfWork, document_id: UUID, number: int) -> DocumentPage | None:
    statement = select(DocumentPage).where(
        col(DocumentPage.document_id) == document_id, col(DocumentPage.number) == number
    )
    return (await uow.session.execute(statement)).scalar_one_or_none()


async def page_starts(uow: Runs, document_id: UUID, first: int, last: int) -> list[tuple[int, int]]:
    """Number and offset in the whole text of the pages from `first` to `last`."""
    rows = await uow.run(_PAGE_STARTS, {"document": document_id, "first": first, "last": last})
    return [(number, char_start) for number, char_start in rows]


async def set_progress(uow: UnitOfWork, document_id: UUID, pages_read: int, page_count: int) -> bool:
    """Whether the document is still there and being read."""
    statement = (
        update(Document)
        .where(col(Document.id) == document_id, col(Document.state) == "reading")
        .values(pages_read=pages_read, page_count=page_count, updated_at=now())
    )
    return _touched(await uow.session.execute(statement)) == 1


async def replace_content(
    uow: UnitOfWork, document: Document, pages: Sequence[ReadPage], starts: Sequence[int], chunks: Sequence[ChunkDraft]
) -> None:
    """Puts the document's pages and chunks in the place of what may be there from before, and indexes them."""
    await postings.remove_chunks(uow, document.workspace_id, document.assistant_id, document.id)
    await uow.session.execute(delete(DocumentPage).where(col(DocumentPage.document_id) == document.id))
    rows = [
        {
            "id": new_id(),
            "created_at": now(),
            "workspace_id": document.workspace_id,
            "document_id": document.id,
            "number": page.number,
            "text": page.text,
            "char_start": start,
            "unreadable": page.unreadable,
        }
        for page, start in zip(pages, starts, strict=True)
    ]
    for first in range(0, len(rows), ROWS_AT_ONCE):
        await uow.session.execute(insert(DocumentPage), rows[first : first + ROWS_AT_ONCE])
    index = await postings.locked(uow, document.workspace_id, document.assistant_id)
    first_number = index.last_number + 1
    for first in range(0, len(chunks), ROWS_AT_ONCE):
        await _insert_chunks(uow, index, document, chunks[first : first + ROWS_AT_ONCE])
    await uow.session.flush()
    if chunks:
        await postings.add_segment(uow, index, first_number)


async def _insert_chunks(
    uow: UnitOfWork, index: KnowledgeIndex, document: Document, chunks: Sequence[ChunkDraft]
) -> None:
    indexed = [_indexed(chunk.heading, chunk.text) for chunk in chunks]
    made = await uow.session.execute(
        _INSERT_CHUNKS,
        {
            "now": now(),
            "workspace_id": document.workspace_id,
            "assistant_id": document.assistant_id,
            "document_id": document.id,
            "last_number": index.last_number,
            "ids": [new_id() for _ in chunks],
            "ordinals": [chunk.ordinal for chunk in chunks],
            "pages": [chunk.page for chunk in chunks],
            "page_ends": [chunk.page_end for chunk in chunks],
            "starts": [chunk.char_start for chunk in chunks],
            "ends": [chunk.char_end for chunk in chunks],
            "headings": [chunk.heading for chunk in chunks],
            "texts": [chunk.text for chunk in chunks],
            "originals": [chunk.original_text for chunk in chunks],
            "disabled": [chunk.disabled for chunk in chunks],
            "indexed": [searchable(text) for text in indexed],
            "codes": [" ".join(codes(text)) for text in indexed],
        },
    )
    postings.added(index, *made.one())


def _indexed(heading: str, text: str) -> str:
    return f"{heading}\n{text}"


async def list_chunks(uow: UnitOfWork, document_id: UUID, words: str, first: int, limit: int) -> ChunkList:
    values = {
        "document_id": document_id, "words": folded(words), "searchable": searchable(words), "codes": codes(words),
        "limit": limit, "first": first,
    }  # fmt: skip
    rows = (await uow.session.execute(_LIST_CHUNKS, values)).all()
    return ChunkList(rows[0].total if rows else 0, [ChunkView(*row[1:]) for row in rows])


async def get_chunk(uow: UnitOfWork, chunk_id: UUID) -> tuple[UUID, ChunkView] | None:
    """The document that it is of, and the chunk."""
    row = (await uow.session.execute(_ONE_CHUNK, {"id": chunk_id})).one_or_none()
    return (row[0], ChunkView(*row[1:])) if row else None


async def rewrite_chunk(
    uow: UnitOfWork, document: Document, chunk: ChunkView, new_text: str, original_text: str | None
) -> None:
    """Gives a chunk another text. What was indexed of it names a number that is no longer there."""
    index = await postings.locked(uow, document.workspace_id, document.assistant_id)
    number = index.last_number + 1
    indexed = _indexed(chunk.heading, new_text)
    values = {
        "id": chunk.id, "number": number, "text": new_text, "original_text": original_text,
        "indexed": searchable(indexed), "codes": " ".join(codes(indexed)),
    }  # fmt: skip
    index.terms += (await uow.session.execute(_REWRITE_CHUNK, values)).scalar_one()
    index.last_number = number
    await uow.session.flush()
    await postings.add_segment(uow, index, number)


async def index_chunks_anew(uow: UnitOfWork, index: KnowledgeIndex, after: int, limit: int) -> tuple[int, int]:
    """Makes anew what the chunks of the (locked) assistant after a number are searched by, so many of them.

    Returns:
        The last one's number, or `after` if there is none, and how many were searched by anything else before.
    """
    statement = (
        select(col(Chunk.id), col(Chunk.number), col(Chunk.heading), col(Chunk.text))
        .where(col(Chunk.assistant_id) == index.assistant_id, col(Chunk.number) > after)
        .order_by(col(Chunk.number))
        .limit(limit)
    )
    rows = (await uow.session.execute(statement)).all()
    if not rows:
        return after, 0
    texts = [_indexed(row.heading, row.text) for row in rows]
    indexed, named = await asyncio.to_thread(
        lambda: ([searchable(text) for text in texts], [" ".join(codes(text)) for text in texts])
    )
    values = {"ids": [row.id for row in rows], "indexed": indexed, "codes": named}
    changed, terms = (await uow.session.execute(_INDEX_ANEW, values)).one()
    index.terms += int(terms)
    return rows[-1].number, changed


async def switch_chunk(uow: UnitOfWork, chunk_id: UUID, *, disabled: bool) -> None:
    await uow.session.execute(update(Chunk).where(col(Chunk.id) == chunk_id).values(disabled=disabled))


async def changed_chunks(uow: UnitOfWork, document_id: UUID) -> list[ChunkChange]:
    """What people made of the document's chunks, in their order."""
    edited = col(Chunk.original_text).is_not(None)
    statement = (
        select(
            func.coalesce(col(Chunk.original_text), col(Chunk.text)),
            case((edited, col(Chunk.text))),
            col(Chunk.disabled),
        )
        .where(col(Chunk.document_id) == document_id, edited | col(Chunk.disabled))
        .order_by(col(Chunk.ordinal))
    )
    return [ChunkChange(*row) for row in (await uow.session.execute(statement)).all()]


async def count_changes(uow: UnitOfWork, document_id: UUID) -> tuple[int, int]:
    """Of the document's chunks: edited, switched off."""
    edited, disabled = (
        func.count().filter(is_so) for is_so in (col(Chunk.original_text).is_not(None), col(Chunk.disabled))
    )
    row = (await uow.session.execute(select(edited, disabled).where(col(Chunk.document_id) == document_id))).one()
    return row[0], row[1]


async def set_embedded(uow: UnitOfWork, document_id: UUID, chunks: int) -> bool:
    """Whether the document is still there and being embedded."""
    statement = (
        update(Document)
        .where(col(Document.id) == document_id, col(Document.state) == "embedding")
        .values(chunks_embedded=chunks, updated_at=now())
    )
    return _touched(await uow.session.execute(statement)) == 1


async def contents_there(uow: UnitOfWork, assistant_id: UUID, digests: Sequence[str]) -> list[str]:
    """Which of these contents the assistant has already."""
    statement = select(col(Document.sha256)).where(
        col(Document.assistant_id) == assistant_id, col(Document.sha256).in_(digests)
    )
    return list((await uow.session.execute(statement)).scalars())


async def stored_bytes(uow: UnitOfWork) -> int:
    """What the workspace's documents take on the disk. Uploads at the same time wait for each other from here on."""
    await uow.session.execute(
        select(func.pg_advisory_xact_lock(func.hashtextextended(f"documents/{uow.workspace_id}", 0)))
    )
    found = await uow.session.execute(select(func.coalesce(func.sum(col(Document.size_bytes)), 0)))
    return int(found.scalar_one())


async def storage_names(uow: UnitOfWork) -> set[str]:
    """Names of all files that documents of any workspace have. For the system."""
    return set((await uow.session.execute(select(col(Document.storage_name)))).scalars())


def _touched(result: Any) -> int:
    return result.rowcount if isinstance(result, CursorResult) else 0
