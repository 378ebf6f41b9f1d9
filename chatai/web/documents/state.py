"""What a document's page shows of it: a page's text around a passage, and the facts of its report."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import reflex as rx

from chatai.core.actor import Actor
from chatai.core.database import UnitOfWork
from chatai.core.errors import NotFound
from chatai.domains.assistants import service as assistants
from chatai.domains.knowledge import service as knowledge
from chatai.domains.knowledge.errors import ChangesAtRisk, PageNotFound
from chatai.domains.knowledge.schemas import DocumentView
from chatai.web.assistants.knowledge import size
from chatai.web.shared.guard import handler, identifier, language_for, route_id, tell, unit
from chatai.web.shared.texts import knowledge as texts

PDF = "application/pdf"
VIEWS = ("page", "text", "passages", "report")
UNDER_WAY = {"queued", "reading", "embedding"}
TYPES = {
    PDF: "pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "text/markdown": "markdown",
}


@dataclass
class Facts:
    """What is known of the document. Moments are ISO 8601 or empty; `more_…`: pages that are not named."""

    state: str = ""
    done: int = 0
    all: int = 0
    percent: int = 0
    error_en: str = ""
    error_ru: str = ""
    type: str = ""
    size_en: str = ""
    size_ru: str = ""
    url: str = ""
    added_at: str = ""
    read_at: str = ""
    is_read: bool = False
    pages: int = 0
    words: int = 0
    language: str = ""
    tables: int = 0
    unreadable: list[int] = field(default_factory=list)
    more_unreadable: int = 0
    recognised: list[int] = field(default_factory=list)
    chunks: int = 0
    embedded: int = 0
    edited: int = 0
    off: int = 0
    lost: int = 0


class Reader(rx.State):
    """A document, and one of its pages in three pieces: before the passage, the passage, after it."""

    id: str = ""
    name: str = ""
    kind: str = ""
    assistant: str = ""
    assistant_id_of: str = ""
    view: str = ""
    number: int = 0
    page_count: int = 0
    before: str = ""
    passage: str = ""
    after: str = ""
    place: str = ""
    page_query: str = ""
    text_query: str = ""
    is_pdf: bool = False
    is_picture: bool = False
    source: str = ""
    may_keep: bool = False
    state: str = ""
    opened: int = 0
    busy: bool = False
    facts: Facts = Facts()
    deleting: bool = False
    rereading: int = 0

    @handler
    async def load(self, actor: Actor) -> None:
        """Shows `?view=` and `?page=`, with the characters from `start` to `end` marked; `end=-1`: to the page's end.

        Without a view, what can be seen is: the page of a PDF, else its text; or the report that says why not yet.
        """
        query = self.router.url.query_parameters
        number = whole(query.get("page"), 1)
        self.opened += 1
        try:
            document_id = route_id(self, "document_id")
            async with unit(actor) as uow:
                document = await knowledge.get_document(uow, actor, document_id)
                text = await self._page_text(uow, actor, document, number)
                assistant = await assistants.get_assistant(uow, actor, document.assistant_id)
                view = view_of(query.get("view", ""), document, "page" in query)
                changes = (0, 0) if view != "report" else await knowledge.count_changes(uow, actor, document_id)
        except NotFound:
            self.state = "missing"
            return
        start, end = whole(query.get("start"), 0), whole(query.get("end"), 0)
        self.before, self.passage, self.after = cut(text, start, end)
        self.id, self.name, self.kind, self.number = str(document.id), document.name, document.kind, number
        self.assistant, self.assistant_id_of = assistant.name, str(assistant.id)
        self.is_pdf, self.source = document.media_type == PDF, source_of(document)
        self.is_picture = number in document.report.get("recognised", [])
        self.may_keep = knowledge.is_keeper(actor)
        self.place = f"{document.id}:{number}:{start}:{end}"
        self.page_query, self.text_query = (place_of(number, start, end, view) for view in ("page", "text"))
        self._take(document, changes)
        self.view, self.state = view, "ready"

    async def _page_text(self, uow: UnitOfWork, actor: Actor, document: DocumentView, number: int) -> str:
        """Raises: PageNotFound: of a document that has pages."""
        try:
            return (await knowledge.get_page(uow, actor, document.id, number)).text
        except PageNotFound:
            # Of a PDF that could not be read the browser may show what people see; and nothing is read at first.
            if document.chunk_count and document.state == "ready":
                raise
            return ""

    def _take(self, document: DocumentView, changes: tuple[int, int]) -> None:
        self.facts = facts_of(document, *changes)
        self.page_count, self.busy = document.page_count, document.state in UNDER_WAY

    @handler
    async def refresh(self, actor: Actor) -> None:
        """Called while the document is being read."""
        try:
            await self._refresh(actor)
        except NotFound:  # somebody else has deleted it
            self.state, self.busy = "missing", False

    async def _refresh(self, actor: Actor) -> None:
        async with unit(actor) as uow:
            document_id = identifier(self.id)
            document = await knowledge.get_document(uow, actor, document_id)
            changes = await knowledge.count_changes(uow, actor, document_id)
        self._take(document, changes)

    @handler
    async def reread(self, actor: Actor) -> None:
        try:
            await self._reread(actor, confirmed=False)
        except ChangesAtRisk as risk:
            self.rereading = int(str(risk.fields["changes"]))

    @handler
    async def reread_anyway(self, actor: Actor) -> None:
        await self._reread(actor, confirmed=True)

    async def _reread(self, actor: Actor, *, confirmed: bool) -> None:
        self.rereading = 0
        async with unit(actor) as uow:
            await knowledge.reread_document(uow, actor, identifier(self.id), confirmed=confirmed)
        await self._refresh(actor)
        await tell(self, texts.REREADING.of(await language_for(self)))

    @handler
    async def retry(self, actor: Actor) -> None:
        async with unit(actor) as uow:
            await knowledge.retry_document(uow, actor, identifier(self.id))
        await self._refresh(actor)

    @handler
    async def ask_delete(self, actor: Actor) -> None:
        self.deleting = True

    @handler
    async def dismiss(self, actor: Actor) -> None:
        self.deleting, self.rereading = False, 0

    @handler
    async def delete(self, actor: Actor) -> Any:
        self.deleting = False
        async with unit(actor) as uow:
            await knowledge.delete_document(uow, actor, identifier(self.id))
        self.state = ""
        await tell(self, texts.DELETED.of(await language_for(self)))
        return rx.redirect(f"/assistants/{identifier(self.assistant_id_of)}/knowledge")


def whole(text: str | None, default: int) -> int:
    try:
        return int(text or default)
    except ValueError:
        return default


def cut(text: str, start: int, end: int) -> tuple[str, str, str]:
    """The text before, in and after the passage. Offsets outside the text are drawn in; -1 is its end."""
    end = len(text) if end < 0 else min(end, len(text))
    start = max(0, min(start, end))
    return text[:start], text[start:end], text[end:]


def place_of(page: int, start: int, end: int, view: str = "") -> str:
    """The address's query that shows a place, in a view or in the one that fits."""
    return f"{f'view={view}&' if view else ''}page={page}&start={start}&end={end}"


def source_of(document: DocumentView) -> str:
    """Where the document itself is: its file here, or its address; empty for an answer that a person wrote."""
    if document.kind == "answer":
        return ""
    if document.kind == "web_page" and document.media_type != PDF:
        return document.source_url
    return f"/api/v1/documents/{document.id}/original"


def view_of(wanted: str, document: DocumentView, cited: bool) -> str:
    """The view that is shown. `cited`: the address names a page, which there was when a citation was made of it."""
    if wanted not in VIEWS:
        wanted = "page" if document.state == "ready" or cited else "report"
    if wanted == "page" and document.media_type != PDF:
        return "text"
    return wanted


def facts_of(document: DocumentView, edited: int, off: int) -> Facts:
    report, read = document.report, bool(document.report)
    reading = document.state == "reading"
    done, everything = (
        (document.pages_read, document.page_count) if reading else (document.chunks_embedded, document.chunk_count)
    )
    unreadable = [int(page) for page in report.get("unreadable", [])]
    ready_at = document.ready_at.isoformat() if document.ready_at else ""
    kind = document.kind if document.kind != "file" else TYPES.get(document.media_type, "text")
    return Facts(
        state=document.state,
        done=done,
        all=everything,
        percent=round(100 * done / everything) if everything else 0,
        error_en=document.error("en"),
        error_ru=document.error("ru"),
        type=kind,
        size_en=size(document.size_bytes, "en") if document.size_bytes else "",
        size_ru=size(document.size_bytes, "ru") if document.size_bytes else "",
        url=document.source_url,
        added_at=document.created_at.isoformat(),
        read_at=str(report.get("read_at", "")) or ready_at,
        is_read=read,
        pages=document.page_count,
        words=int(report.get("words", 0)),
        language=str(report.get("language", "")),
        tables=int(report.get("tables", 0)),
        unreadable=unreadable,
        more_unreadable=max(document.unreadable_pages - len(unreadable), 0) if read else 0,
        recognised=[int(page) for page in report.get("recognised", [])],
        chunks=document.chunk_count,
        embedded=document.chunks_embedded,
        edited=edited,
        off=off,
        lost=int(report.get("lost_changes", 0)),
    )
