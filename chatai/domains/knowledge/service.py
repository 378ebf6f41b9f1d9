"""Documents: added, seen, deleted, read again. Reading them is in `ingestion`, finding what they say in `searching`."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import fields
from uuid import UUID

from sqlalchemy.exc import IntegrityError

from chatai.core.actor import Actor
from chatai.core.clock import now
from chatai.core.database import UnitOfWork
from chatai.core.errors import Forbidden
from chatai.core.settings import get_settings
from chatai.domains.assistants import service as assistants
from chatai.domains.audit import service as audit
from chatai.domains.knowledge import copying, postings, repository, vectors
from chatai.domains.knowledge.access import is_keeper, require_keeper, require_reader
from chatai.domains.knowledge.chunks import count_changes, edit_chunk, list_chunks, restore_chunk, switch_chunk
from chatai.domains.knowledge.copying import CopiedFile, discard_copies
from chatai.domains.knowledge.errors import (
    ChangesAtRisk,
    DocumentNotFound,
    DocumentTooLarge,
    DuplicateDocument,
    EmptyFile,
    FileMissing,
    MalwareFound,
    PageNotFound,
    TableTooLarge,
)
from chatai.domains.knowledge.ingestion import ingest
from chatai.domains.knowledge.models import Document, KnowledgeIndex
from chatai.domains.knowledge.names import display_name
from chatai.domains.knowledge.orphans import remove_orphans
from chatai.domains.knowledge.pair_tables import PairLine, import_pairs, plan_pairs, table_of, text_of
from chatai.domains.knowledge.pairs import add_pair, change_pair, delete_pair, list_pairs
from chatai.domains.knowledge.places import narrow
from chatai.domains.knowledge.ports import document_reader, file_store
from chatai.domains.knowledge.postings import TEND_TASK
from chatai.domains.knowledge.queueing import INGEST_TASK, enqueue, hasten
from chatai.domains.knowledge.quota import require_room
from chatai.domains.knowledge.reading import read_table, read_text
from chatai.domains.knowledge.reranking import reranked, search_depth
from chatai.domains.knowledge.schemas import DocumentView, IncomingFile, PageView, StoredFile
from chatai.domains.knowledge.search_test import SearchTest, try_search
from chatai.domains.knowledge.searching import QueryVector, embed_query, embeds_queries, search
from chatai.domains.knowledge.tending import IndexView, embed_anew, enqueue_all, status, tend
from chatai.domains.knowledge.web_sources import add_web_pages, find_addresses

__all__ = [
    "INGEST_TASK",
    "TEND_TASK",
    "CopiedFile",
    "IndexView",
    "PairLine",
    "QueryVector",
    "SearchTest",
    "add_document",
    "add_pair",
    "add_web_pages",
    "change_pair",
    "copy_documents",
    "count_changes",
    "delete_document",
    "delete_pair",
    "discard",
    "discard_copies",
    "edit_chunk",
    "embed_anew",
    "embed_query",
    "embeds_queries",
    "enqueue_all",
    "find_addresses",
    "forget_assistant",
    "get_document",
    "get_page",
    "import_pairs",
    "ingest",
    "is_keeper",
    "list_chunks",
    "list_documents",
    "list_pairs",
    "narrow",
    "open_original",
    "plan_pairs",
    "read_table",
    "read_text",
    "receive",
    "remove_orphans",
    "require_adding",
    "reranked",
    "reread_document",
    "restore_chunk",
    "retry_document",
    "search",
    "search_depth",
    "status",
    "switch_chunk",
    "table_of",
    "tend",
    "text_of",
    "try_search",
]

LARGEST_TABLE_MB = 10


async def require_adding(uow: UnitOfWork, actor: Actor, assistant_id: UUID) -> None:
    """Asked before a byte is taken. Raises: Forbidden, AssistantNotFound."""
    require_keeper(actor)
    await assistants.get_assistant(uow, actor, assistant_id)


async def receive(
    actor: Actor,
    name: str,
    pieces: AsyncIterator[bytes],
    *,
    declared_bytes: int | None = None,
    table: bool = False,
) -> IncomingFile:
    """Takes an upload to disk as it comes, outside any transaction. Whoever calls must add or discard it.

    Args:
        actor: In whose folder it goes.
        name: What the client calls it.
        pieces: The bytes.
        declared_bytes: Their number, if the client says so: too many are refused at once.
        table: It is a table to import, and no document: a smaller one.

    Raises:
        DocumentTooLarge, TableTooLarge: As soon as the limit is passed; nothing stays on the disk.
        EmptyFile, StorageFull
    """
    require_keeper(actor)
    if actor.account_id is None:
        raise Forbidden
    limit_mb = min(get_settings().max_upload_mb, LARGEST_TABLE_MB) if table else get_settings().max_upload_mb
    too_large = TableTooLarge(limit_mb=limit_mb) if table else DocumentTooLarge(limit_mb=limit_mb)
    limit = limit_mb * 1024 * 1024
    if declared_bytes is not None and declared_bytes > limit:
        raise too_large
    file = await asyncio.to_thread(file_store().new, actor.account_id)
    size, digest = 0, hashlib.sha256()
    try:
        async for piece in pieces:
            size += len(piece)
            if size > limit:
                raise too_large
            digest.update(piece)
            await asyncio.to_thread(file.write, piece)
        if size == 0:
            raise EmptyFile
        await asyncio.to_thread(file.finish)
    except BaseException:
        file.discard()  # not in a thread: a cancelled task could not wait for it
        raise
    return IncomingFile(name, actor.account_id, file.storage_name, file.path, size, digest.hexdigest())


async def discard(upload: IncomingFile) -> None:
    """Removes an upload that did not become a document. Nothing happens if it is gone."""
    await asyncio.to_thread(file_store().delete, upload.account_id, upload.storage_name)


async def add_document(uow: UnitOfWork, actor: Actor, assistant_id: UUID, upload: IncomingFile) -> DocumentView:
    """Makes a document of an upload and has it read. If this or the commit fails, the caller discards the upload.

    Raises:
        UnreadableDocument: The content is of no type that is read; the subclass says why.
        QuotaExceeded: The workspace has no room left for it.
        DuplicateDocument: The assistant has the same content already.
        Forbidden, AssistantNotFound
    """
    await require_adding(uow, actor, assistant_id)
    media_type = await document_reader().identify(upload.path, upload.name)
    existing = await repository.by_content(uow, assistant_id, upload.sha256)
    if existing is not None:
        raise DuplicateDocument(name=existing.name)
    await require_room(uow, upload.size_bytes)
    document = Document(
        workspace_id=actor.workspace_id,
        assistant_id=assistant_id,
        uploaded_by=upload.account_id,
        name=display_name(upload.name),
        media_type=media_type,
        size_bytes=upload.size_bytes,
        sha256=upload.sha256,
        storage_name=upload.storage_name,
    )
    try:
        async with uow.session.begin_nested():
            uow.session.add(document)
    except IntegrityError as error:  # the same file at the same moment
        existing = await repository.by_content(uow, assistant_id, upload.sha256)
        if existing is None:
            raise
        raise DuplicateDocument(name=existing.name) from error
    await asyncio.to_thread(file_store().keep, upload.account_id, upload.storage_name)
    await enqueue(uow, document)
    await audit.record(uow, actor, "knowledge:document:create", document.id, assistant_id=assistant_id)
    return view(document)


async def list_documents(uow: UnitOfWork, actor: Actor, assistant_id: UUID) -> list[DocumentView]:
    """The assistant's documents, the latest first."""
    require_reader(actor)
    return [view(document) for document in await repository.of_assistant(uow, assistant_id)]


async def get_document(uow: UnitOfWork, actor: Actor, document_id: UUID) -> DocumentView:
    require_reader(actor)
    return view(await _find(uow, document_id))


async def get_page(uow: UnitOfWork, actor: Actor, document_id: UUID, number: int) -> PageView:
    """One page's text. Raises: DocumentNotFound, PageNotFound."""
    require_reader(actor)
    document = await _find(uow, document_id)
    page = await repository.page(uow, document_id, number)
    if page is None:
        raise PageNotFound(number=number)
    return PageView(document.id, document.name, page.number, document.page_count, page.text, page.unreadable)


async def delete_document(uow: UnitOfWork, actor: Actor, document_id: UUID) -> None:
    """Deletes the document with all that was made of it; a reading that is under way stops by itself."""
    require_keeper(actor)
    document = await _find(uow, document_id, lock=True)
    await postings.remove_chunks(uow, document.workspace_id, document.assistant_id, document_id)
    await uow.session.delete(document)
    await uow.session.flush()
    await postings.enqueue_tending(uow, document.workspace_id, document.assistant_id)
    _remove_file_afterwards(uow, document)
    await audit.record(uow, actor, "knowledge:document:delete", document_id, assistant_id=document.assistant_id)


async def retry_document(uow: UnitOfWork, actor: Actor, document_id: UUID) -> DocumentView:
    """Has a document read again that failed, or its missing vectors made. One that is well stays as it is.

    One that waits to be tried again by itself, for the scanner or the embedding model, is tried now.
    """
    require_keeper(actor)
    document = await _find(uow, document_id, lock=True)
    if not document.error_code or document.error_code == MalwareFound.code:
        return view(document)
    waiting = document.state in {"queued", "embedding"}
    if not waiting:
        document.state = "queued" if document.state == "failed" else "embedding"
    document.error_code, document.error_detail = "", {}
    document.updated_at = now()
    await uow.session.flush()
    await (hasten if waiting else enqueue)(uow, document)
    await audit.record(uow, actor, "knowledge:document:retry", document_id)
    return view(document)


async def reread_document(uow: UnitOfWork, actor: Actor, document_id: UUID, *, confirmed: bool = False) -> DocumentView:
    """Has a document that is ready or failed read anew, a web page fetched anew. It is found as it was meanwhile.

    Chunks that people edited or switched off stay so where they are read the same; other changes are lost.

    Raises:
        ChangesAtRisk: There are such changes, and it was not confirmed that some may be lost.
        DocumentNotFound, Forbidden
    """
    require_keeper(actor)
    document = await _find(uow, document_id, lock=True)
    if document.state not in {"ready", "failed"} or document.error_code == MalwareFound.code:
        return view(document)
    if not confirmed and (changes := await repository.changed_chunks(uow, document_id)):
        raise ChangesAtRisk(changes=len(changes))
    document.state, document.error_code, document.error_detail = "queued", "", {}
    document.updated_at = now()
    await uow.session.flush()
    await enqueue(uow, document)
    await audit.record(uow, actor, "knowledge:document:reread", document_id)
    return view(document)


async def open_original(uow: UnitOfWork, actor: Actor, document_id: UUID) -> StoredFile:
    """Where the uploaded file is. Raises: DocumentNotFound, FileMissing."""
    require_reader(actor)
    document = await _find(uow, document_id)
    if not document.storage_name:
        raise FileMissing
    path = file_store().path(document.uploaded_by, document.storage_name)
    if not await asyncio.to_thread(path.is_file):
        raise FileMissing
    return StoredFile(path, document.name, document.media_type, document.size_bytes)


async def forget_assistant(uow: UnitOfWork, assistant_id: UUID) -> None:
    """Called before an assistant is deleted: its documents' files go when that is committed."""
    if index := await uow.session.get(KnowledgeIndex, assistant_id):
        await vectors.forget_index(uow, assistant_id, index.embedding_model)
    for document in await repository.of_assistant(uow, assistant_id):
        _remove_file_afterwards(uow, document)


async def copy_documents(uow: UnitOfWork, actor: Actor, source: UUID, target: UUID, made: list[CopiedFile]) -> None:
    """Gives an assistant a copy of each document of another one; see `copying`."""
    for document in await copying.copy_documents(uow, actor, source, target, made):
        await enqueue(uow, document)
    await postings.enqueue_tending(uow, actor.workspace_id, target)


def view(document: Document) -> DocumentView:
    return DocumentView(**{field.name: getattr(document, field.name) for field in fields(DocumentView)})


def _remove_file_afterwards(uow: UnitOfWork, document: Document) -> None:
    account_id, storage_name = document.uploaded_by, document.storage_name
    if not storage_name:
        return  # written by a person, or not fetched yet
    uow.after_commit(lambda: asyncio.to_thread(file_store().delete, account_id, storage_name))


async def _find(uow: UnitOfWork, document_id: UUID, *, lock: bool = False) -> Document:
    document = await repository.get(uow, document_id, lock=lock)
    if document is None:
        raise DocumentNotFound
    return document
