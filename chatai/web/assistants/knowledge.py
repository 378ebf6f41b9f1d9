"""An assistant's documents: uploading, watching them being read, deleting."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath

import reflex as rx

from chatai.core.actor import Actor
from chatai.core.settings import get_settings
from chatai.domains.knowledge import service as knowledge
from chatai.domains.knowledge.errors import ChangesAtRisk
from chatai.domains.knowledge.schemas import DocumentView
from chatai.web.assistants import embedding, web_pages
from chatai.web.assistants.one import Current, assistant_page
from chatai.web.documents.asking import ask_delete, ask_reread
from chatai.web.shared.elements import bar, button, empty, icon, icon_button, link, listing, pill, skeleton, tile
from chatai.web.shared.guard import handler, identifier, language_for, route_id, tell, unit
from chatai.web.shared.i18n import count, is_russian, t
from chatai.web.shared.layout import Session
from chatai.web.shared.parts import Ticker, Uploader
from chatai.web.shared.texts import common
from chatai.web.shared.texts import knowledge as texts

REFRESH_MS = 1000
KB = 1024


@dataclass
class Row:
    """One document in the list. `done` of `all` says how far its present step is."""

    id: str
    name: str
    suffix: str
    size_en: str
    size_ru: str
    state: str
    done: int
    all: int
    percent: int
    pages: int
    chunks: int
    unreadable: int
    not_reached: int
    error_en: str
    error_ru: str
    url: str
    """Of a web page."""


class Knowledge(rx.State):
    """The documents of one assistant."""

    rows: list[Row] = []  # noqa: RUF012  Reflex copies it for each browser
    loaded_for: str = ""
    busy: bool = False
    deleting: str = ""
    deleting_name: str = ""
    rereading: str = ""
    changes: int = 0
    max_mb: int = 0

    @handler
    async def load(self, actor: Actor) -> None:
        """Also called while documents are being read."""
        await self._load(actor)

    async def _load(self, actor: Actor) -> None:
        assistant_id = route_id(self, "assistant_id")
        async with unit(actor) as uow:
            found = await knowledge.list_documents(uow, actor, assistant_id)
        self.rows = [row_of(item) for item in found if item.kind != "answer"]  # those have a page of their own
        self.busy = any(row.state in {"queued", "reading", "embedding"} for row in self.rows)
        self.loaded_for, self.max_mb = str(assistant_id), get_settings().max_upload_mb

    @handler
    async def ask_delete(self, actor: Actor, document_id: str, name: str) -> None:
        self.deleting, self.deleting_name = document_id, name

    @handler
    async def keep(self, actor: Actor) -> None:
        self.deleting, self.rereading = "", ""

    @handler
    async def delete(self, actor: Actor) -> None:
        document_id, self.deleting = identifier(self.deleting), ""
        async with unit(actor) as uow:
            await knowledge.delete_document(uow, actor, document_id)
        await self._load(actor)
        await tell(self, texts.DELETED.of(await language_for(self)))

    @handler
    async def reread(self, actor: Actor, document_id: str) -> None:
        try:
            await self._reread(actor, document_id, confirmed=False)
        except ChangesAtRisk as risk:
            self.rereading, self.changes = document_id, int(str(risk.fields["changes"]))

    @handler
    async def reread_anyway(self, actor: Actor) -> None:
        document_id, self.rereading = self.rereading, ""
        await self._reread(actor, document_id, confirmed=True)

    async def _reread(self, actor: Actor, document_id: str, *, confirmed: bool) -> None:
        async with unit(actor) as uow:
            await knowledge.reread_document(uow, actor, identifier(document_id), confirmed=confirmed)
        await self._load(actor)
        await tell(self, texts.REREADING.of(await language_for(self)))

    @handler
    async def retry(self, actor: Actor, document_id: str) -> None:
        async with unit(actor) as uow:
            await knowledge.retry_document(uow, actor, identifier(document_id))
        await self._load(actor)


def row_of(item: DocumentView) -> Row:
    reading = item.state == "reading"
    done, everything = (item.pages_read, item.page_count) if reading else (item.chunks_embedded, item.chunk_count)
    return Row(
        id=str(item.id),
        name=item.name,
        suffix="WEB" if item.kind == "web_page" else PurePath(item.name).suffix.removeprefix(".").upper()[:4] or "TXT",
        size_en=size(item.size_bytes, "en") if item.size_bytes else "",
        size_ru=size(item.size_bytes, "ru") if item.size_bytes else "",
        state=item.state,
        done=done,
        all=everything,
        percent=round(100 * done / everything) if everything else 0,
        pages=item.page_count,
        chunks=item.chunk_count,
        unreadable=item.unreadable_pages,
        not_reached=item.report.get("not_reached", 0),
        error_en=item.error("en"),
        error_ru=item.error("ru"),
        url=item.source_url,
    )


def size(count_of_bytes: int, language: str) -> str:
    """A file's size in KB or MB (of 1024), with the language's decimal sign."""
    in_kb = count_of_bytes / KB
    if in_kb < KB:
        return f"{max(1, round(in_kb))} {'КБ' if language == 'ru' else 'KB'}"
    text = f"{in_kb / KB:.1f}"
    return f"{text.replace('.', ',')} МБ" if language == "ru" else f"{text} MB"


def state_of(row: rx.Var[Row]) -> rx.Component:
    reading = rx.cond(row.all > 0, t(texts.READING, done=row.done, all=row.all), t(texts.READING_START))
    embedding = rx.cond(row.all > 0, t(texts.EMBEDDING, done=row.done, all=row.all), t(texts.EMBEDDING_START))
    return rx.match(
        row.state,
        ("ready", pill(texts.READY, "ok")),
        ("failed", pill(texts.FAILED, "bad")),
        ("reading", pill(reading, "busy")),
        ("embedding", pill(embedding, "busy")),
        pill(texts.QUEUED, "busy"),
    )


def document_line(row: rx.Var[Row]) -> rx.Component:
    facts = rx.el.p(
        rx.cond(is_russian(), row.size_ru, row.size_en),
        rx.cond(row.pages > 0, rx.fragment(" · ", count(common.PAGES, row.pages))),
        rx.cond((row.state == "ready") & (row.chunks > 0), rx.fragment(" · ", count(common.CHUNKS, row.chunks))),
        class_name="faint small",
    )
    working = (row.state == "reading") | (row.state == "embedding")
    return rx.el.li(
        tile(row.suffix, names="quiet doc"),
        rx.el.div(
            link(row.name, to=f"/documents/{row.id}", class_name="clip", style={"color": "inherit"}),
            rx.cond(row.url != "", rx.el.p(row.url, class_name="faint small clip")),
            facts,
            rx.cond(working & (row.all > 0), bar(row.percent, row.name)),
            rx.cond(
                row.error_en != "",
                rx.el.p(
                    rx.cond(is_russian(), row.error_ru, row.error_en),
                    class_name="small",
                    # Not failed, it is a remark: the document is found by its words, without its vectors.
                    style={"color": rx.cond(row.state == "failed", "var(--bad-text)", "var(--warn-text)")},
                ),
            ),
            rx.cond(
                (row.unreadable > 0) & (row.state == "ready"),
                rx.el.p(
                    t(texts.UNREADABLE, pages=row.unreadable), class_name="small", style={"color": "var(--warn-text)"}
                ),
            ),
            rx.cond(
                (row.not_reached > 0) & (row.state == "ready"),
                rx.el.p(
                    t(texts.NOT_REACHED, pages=row.not_reached), class_name="small", style={"color": "var(--warn-text)"}
                ),
            ),
            class_name="grow stack",
            style={"gap": "4px"},
        ),
        rx.el.div(
            state_of(row),
            rx.cond(
                row.error_en != "",
                rx.cond(
                    (row.state == "queued") | (row.state == "embedding"),  # it will be tried again by itself
                    button(texts.TRY_NOW, icon_name="rotate-ccw", small=True, on_click=Knowledge.retry(row.id)),
                    icon_button("rotate-ccw", common.RETRY, on_click=Knowledge.retry(row.id)),
                ),
                rx.cond(
                    row.state == "ready",
                    icon_button("refresh-cw", texts.REREAD, on_click=Knowledge.reread(row.id)),
                ),
            ),
            icon_button("trash-2", common.DELETE, on_click=Knowledge.ask_delete(row.id, row.name)),
            class_name="row tight end",
        ),
        class_name="item",
    )


def uploader() -> rx.Component:
    labels = {name: t(text) for name, text in texts.UPLOADER.items()}
    return Uploader.create(
        tile(icon("file-up", 20)),
        rx.el.p(
            rx.el.span(t(texts.DROP), class_name="on-wide"),
            rx.el.span(t(texts.DROP_ON_PHONE), class_name="on-phone"),
            class_name="strong",
        ),
        rx.el.p(t(texts.DROP_HINT, mb=Knowledge.max_mb), class_name="muted small"),
        url=f"/api/v1/assistants/{Current.id}/documents",
        accept=".pdf,.docx,.txt,.md",
        max_mb=Knowledge.max_mb,
        texts={**labels, "tooLarge": t(texts.TOO_LARGE, mb=Knowledge.max_mb)},
        on_uploaded=Knowledge.load,
    )


def page() -> rx.Component:
    return assistant_page(
        "knowledge",
        rx.cond(
            Knowledge.loaded_for == Current.id,
            rx.fragment(
                uploader(),
                web_pages.form(),
                embedding.panel(Knowledge.busy),
                listing(Knowledge.rows, document_line, empty("library", texts.EMPTY_TITLE, texts.EMPTY)),
                rx.cond(Knowledge.busy, Ticker.create(interval=REFRESH_MS, on_tick=Knowledge.load)),
            ),
            skeleton(180, 72, 72),
        ),
        rx.cond(
            Knowledge.deleting,
            ask_delete(Knowledge.deleting_name, on_confirm=Knowledge.delete, on_dismiss=Knowledge.keep),
        ),
        rx.cond(
            Knowledge.rereading,
            ask_reread(Knowledge.changes, on_confirm=Knowledge.reread_anyway, on_dismiss=Knowledge.keep),
        ),
    )


ON_LOAD = [Session.enter, Current.load, Knowledge.load, embedding.Embedding.load]
