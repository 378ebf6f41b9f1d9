"""Web pages as knowledge: named by a person, one by one or by a site's sitemap, fetched when they are read."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from chatai.core.actor import Actor
from chatai.core.clock import now
from chatai.core.database import Database, UnitOfWork
from chatai.core.outgoing import clean_url
from chatai.domains.assistants import service as assistants
from chatai.domains.audit import service as audit
from chatai.domains.knowledge import repository
from chatai.domains.knowledge.access import require_keeper
from chatai.domains.knowledge.models import Document
from chatai.domains.knowledge.names import shown_name
from chatai.domains.knowledge.ports import NewFile, file_store, web_pages
from chatai.domains.knowledge.queueing import enqueue
from chatai.domains.knowledge.quota import require_room
from chatai.domains.knowledge.schemas import FetchedPage

MOST_PAGES = 500  # of one site, at once


@dataclass(frozen=True, slots=True)
class AddedPages:
    """How many addresses became documents, and how many the assistant had already."""

    added: int
    known: int


async def find_addresses(actor: Actor, url: str) -> list[str]:
    """Addresses of a site's pages, by its sitemap. Asked outside of any transaction.

    Raises:
        AddressRefused, SiteAway: Of `chatai.core.outgoing`.
    """
    require_keeper(actor)
    return await web_pages().addresses(url, MOST_PAGES)


async def add_web_pages(uow: UnitOfWork, actor: Actor, assistant_id: UUID, urls: Sequence[str]) -> AddedPages:
    """Makes documents of addresses, which are fetched and read in the background.

    Raises:
        BadAddress: One of them is no address; none is added.
        Forbidden, AssistantNotFound
    """
    require_keeper(actor)
    await assistants.get_assistant(uow, actor, assistant_id)
    if actor.account_id is None:
        raise ValueError("a page is fetched for a person")
    wanted = {digest_of(url): url for url in map(clean_url, urls[:MOST_PAGES])}
    known = await repository.contents_there(uow, assistant_id, list(wanted))
    for digest in known:
        del wanted[digest]
    for digest, url in wanted.items():
        document = Document(
            workspace_id=actor.workspace_id,
            assistant_id=assistant_id,
            uploaded_by=actor.account_id,
            name=shown_name(url.partition("://")[2]),
            media_type="text/html",
            kind="web_page",
            source_url=url,
            size_bytes=0,
            sha256=digest,
            storage_name="",
        )
        uow.session.add(document)
        await uow.session.flush()
        await enqueue(uow, document)
    if wanted:
        await audit.record(uow, actor, "knowledge:web_page:create", assistant_id, pages=len(wanted))
    return AddedPages(len(wanted), len(known))


def digest_of(url: str) -> str:
    """What makes a web page the same one: its address, not what stands there today."""
    return hashlib.sha256(f"web_page {url}".encode()).hexdigest()


async def fetch(database: Database, known: Document) -> bool:
    """Fetches the page and puts it in the place of the copy that is there; False when the document is gone.

    Raises:
        AddressRefused, SiteAway, StorageFull
        QuotaExceeded: The page is more than the workspace's documents may still take.
    """
    account_id = known.uploaded_by
    page = await web_pages().fetch(known.source_url)
    file = await asyncio.to_thread(_store, page, account_id)
    try:
        async with database.workspace(known.workspace_id) as uow:
            document = await repository.get(uow, known.id, lock=True)
            if document is None:
                await asyncio.to_thread(file_store().delete, account_id, file.storage_name)
                return False
            await require_room(uow, len(page.data) - document.size_bytes)
            before = document.storage_name
            document.name, document.media_type = shown_name(page.name), page.media_type
            document.size_bytes, document.storage_name = len(page.data), file.storage_name
            document.fetched_at = now()
            if before:
                uow.after_commit(lambda: asyncio.to_thread(file_store().delete, account_id, before))
    except BaseException:
        await asyncio.to_thread(file_store().delete, account_id, file.storage_name)
        raise
    return True


def _store(page: FetchedPage, account_id: UUID) -> NewFile:
    file = file_store().new(account_id)
    try:
        file.write(page.data)
        file.finish()
        file_store().keep(account_id, file.storage_name)
    except BaseException:
        file.discard()
        raise
    return file
