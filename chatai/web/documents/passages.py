"""A document's passages: looked through, edited, put back, switched off and on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import reflex as rx

from chatai.core.actor import Actor
from chatai.core.errors import NotFound
from chatai.domains.knowledge import service as knowledge
from chatai.domains.knowledge.chunks import MOST_CHARS
from chatai.domains.knowledge.schemas import ChunkView
from chatai.web.documents.state import Reader, place_of
from chatai.web.shared.elements import (
    button,
    confirm,
    dialog,
    empty,
    field,
    foot,
    icon,
    icon_button,
    link,
    listing,
    note,
    pill,
    skeleton,
    text_area,
)
from chatai.web.shared.guard import handler, identifier, language_for, route_id, tell, unit
from chatai.web.shared.i18n import count, t
from chatai.web.shared.texts import chat, common
from chatai.web.shared.texts import documents as texts

SHOWN = 20


@dataclass
class Chunk:
    """One passage. `was`: what was read, if it was edited. `place`: the address's query that opens it."""

    id: str
    page: int
    page_end: int
    heading: str
    text: str
    was: str
    chars: int
    edited: bool
    off: bool
    place: str


class Passages(rx.State):
    """Some of a document's passages, and the one that is being edited.

    `shown`: since which `Reader.opened` they are there. Those before may be of another document, or read again since.
    """

    shown: int = -1
    rows: list[Chunk] = []  # noqa: RUF012  Reflex copies it for each browser
    total: int = 0
    first: int = 0
    words: str = ""
    editing: str = ""
    draft: str = ""
    error: str = ""
    restoring: str = ""
    _before: str = ""
    _document: str = ""

    @handler
    async def load(self, actor: Actor) -> None:
        if self.router.url.query_parameters.get("view") != "passages":
            return
        document = str(getattr(self, "document_id", ""))
        if document != self._document:
            self.first, self.words, self._document = 0, "", document
        try:
            await self._load(actor)
        except NotFound:
            self.rows, self.total = [], 0  # the page says so
        self.shown = (await self.get_state(Reader)).opened

    async def _load(self, actor: Actor) -> None:
        document_id = route_id(self, "document_id")
        async with unit(actor) as uow:
            found = await knowledge.list_chunks(
                uow, actor, document_id, words=self.words, first=self.first, limit=SHOWN
            )
            if not found.chunks and self.first:  # fewer than there were
                self.first = 0
                found = await knowledge.list_chunks(uow, actor, document_id, words=self.words, limit=SHOWN)
        self.rows, self.total = [row_of(chunk) for chunk in found.chunks], found.total

    @handler
    async def find(self, actor: Actor, form: dict[str, Any]) -> None:
        self.words, self.first = str(form.get("words", "")).strip(), 0
        await self._load(actor)

    @handler
    async def show_all(self, actor: Actor) -> None:
        self.words, self.first = "", 0
        await self._load(actor)

    @handler
    async def turn(self, actor: Actor, forward: bool) -> None:
        self.first = max(0, self.first + (SHOWN if forward else -SHOWN))
        await self._load(actor)

    @handler
    async def edit(self, actor: Actor, chunk_id: str) -> None:
        row = self._row(chunk_id)
        if row is not None:
            self.editing, self.draft, self._before, self.error = row.id, row.text, row.text, ""

    @handler
    async def close(self, actor: Actor) -> None:
        self.editing, self.restoring, self.error = "", "", ""

    @handler(error="error")
    async def save(self, actor: Actor, form: dict[str, Any]) -> None:
        self.draft, self.error = str(form.get("text", "")), ""  # kept, so that a refusal does not empty it
        async with unit(actor) as uow:
            changed = await knowledge.edit_chunk(uow, actor, identifier(self.editing), self.draft, before=self._before)
        self.editing = ""
        await self._put(changed, texts.EDIT_DONE.of(await language_for(self)))

    @handler
    async def ask_restore(self, actor: Actor, chunk_id: str) -> None:
        self.restoring = chunk_id

    @handler
    async def restore(self, actor: Actor) -> None:
        chunk_id, self.restoring = identifier(self.restoring), ""
        async with unit(actor) as uow:
            changed = await knowledge.restore_chunk(uow, actor, chunk_id)
        await self._put(changed, texts.PUT_BACK_DONE.of(await language_for(self)))

    @handler
    async def switch(self, actor: Actor, chunk_id: str, on: bool) -> None:
        async with unit(actor) as uow:
            changed = await knowledge.switch_chunk(uow, actor, identifier(chunk_id), on=on)
        said = texts.SWITCHED_ON if on else texts.SWITCHED_OFF
        await self._put(changed, said.of(await language_for(self)))

    async def _put(self, changed: ChunkView, said: str) -> None:
        """Shows a passage as it is now, in its place, also where it no longer holds the words that were looked for."""
        self.rows = [row_of(changed) if row.id == str(changed.id) else row for row in self.rows]
        await tell(self, said)

    def _row(self, chunk_id: str) -> Chunk | None:
        return next((row for row in self.rows if row.id == chunk_id), None)


def row_of(chunk: ChunkView) -> Chunk:
    end = chunk.char_end if chunk.page_end == chunk.page else -1
    return Chunk(
        id=str(chunk.id),
        page=chunk.page,
        page_end=chunk.page_end,
        heading=chunk.heading,
        text=chunk.text,
        was=chunk.original_text or "",
        chars=len(chunk.text),
        edited=chunk.original_text is not None,
        off=chunk.disabled,
        place=place_of(chunk.page, chunk.char_start, end),
    )


def passages_view() -> rx.Component:
    nothing = rx.cond(
        Passages.words != "",
        empty("search-x", texts.NOTHING_FOUND_TITLE, texts.NOTHING_FOUND),
        empty("library", texts.NO_PASSAGES_TITLE, texts.NO_PASSAGES),
    )
    return rx.cond(
        Passages.shown == Reader.opened,
        rx.el.div(
            rx.el.p(t(texts.LEAD), class_name="muted small"),
            rx.cond(
                Reader.kind == "answer",
                note(
                    rx.fragment(
                        t(texts.OF_ANSWER),
                        " ",
                        link(t(texts.TO_ANSWERS), to=f"/assistants/{Reader.assistant_id_of}/answers"),
                    )
                ),
            ),
            finder(),
            listing(Passages.rows, passage_line, nothing),
            rx.cond(Passages.total > SHOWN, turner()),
            class_name="stack",
        ),
        skeleton(40, 120, 120, 120),
    )


def finder() -> rx.Component:
    return rx.el.form(
        rx.el.input(
            id="words",
            name="words",
            type="search",
            class_name="input grow",
            placeholder=t(texts.FIND),
            aria_label=t(texts.FIND),
            default_value=Passages.words,
            max_length=200,
        ),
        button(texts.FIND_BUTTON, icon_name="search", type="submit"),
        rx.cond(Passages.words != "", button(texts.ALL_PASSAGES, kind="ghost", on_click=Passages.show_all)),
        on_submit=Passages.find,
        key=Passages.words,
        class_name="row tight",
        role="search",
    )


def passage_line(row: rx.Var[Chunk]) -> rx.Component:
    pages = rx.cond(
        row.page_end > row.page,
        t(texts.PAGES_FROM_TO, first=row.page, last=row.page_end),
        t(chat.PAGE_SHORT, page=row.page),
    )
    facts = rx.el.div(
        rx.el.span(pages, " · ", count(texts.CHARACTERS, row.chars), class_name="faint small"),
        rx.cond(row.edited, pill(texts.EDITED, "warn")),
        rx.cond(row.off, pill(texts.OFF, "bad")),
        class_name="row tight grow",
    )
    keeping = rx.cond(
        Reader.may_keep,
        rx.fragment(
            rx.cond(
                Reader.kind != "answer",
                icon_button("pencil", texts.EDIT, on_click=Passages.edit(row.id)),
            ),
            rx.cond(row.edited, icon_button("undo-2", texts.PUT_BACK, on_click=Passages.ask_restore(row.id))),
            rx.cond(
                row.off,
                icon_button("eye", texts.SWITCH_ON, on_click=Passages.switch(row.id, True)),
                icon_button("eye-off", texts.SWITCH_OFF, on_click=Passages.switch(row.id, False)),
            ),
        ),
    )
    opening = t(texts.OPEN_PLACE)
    return rx.el.li(
        rx.el.div(
            facts,
            rx.el.div(
                link(
                    icon("book-open", 17),
                    to=f"/documents/{Reader.id}?{row.place}",
                    class_name="btn icon ghost small",
                    aria_label=opening,
                    title=opening,
                ),
                keeping,
                class_name="row tight",
            ),
            class_name="row between whole",
        ),
        rx.cond(row.heading != "", rx.el.p(row.heading, class_name="small strong whole")),
        rx.el.p(row.text, class_name="said-text whole"),
        rx.cond(
            row.edited,
            rx.el.details(
                rx.el.summary(t(texts.WAS_READ), class_name="small muted"),
                rx.el.p(row.was, class_name="said-text was small"),
                class_name="whole",
            ),
        ),
        class_name=rx.cond(row.off, "item wrap passage off", "item wrap passage"),
    )


def turner() -> rx.Component:
    last = rx.cond(Passages.first + SHOWN < Passages.total, Passages.first + SHOWN, Passages.total)
    return rx.el.nav(
        icon_button(
            "chevron-left",
            texts.EARLIER,
            kind="plain",
            on_click=Passages.turn(False),
            disabled=Passages.first == 0,
        ),
        rx.el.span(t(texts.RANGE, first=Passages.first + 1, last=last, all=Passages.total), class_name="small muted"),
        icon_button(
            "chevron-right",
            texts.LATER,
            kind="plain",
            on_click=Passages.turn(True),
            disabled=Passages.first + SHOWN >= Passages.total,
        ),
        class_name="row tight",
    )


def dialogs() -> rx.Component:
    return rx.fragment(
        rx.cond(
            Passages.editing != "",
            dialog(
                texts.EDIT_TITLE,
                rx.el.form(
                    field(
                        texts.PASSAGE,
                        text_area(
                            "text", tall=True, default_value=Passages.draft, required=True, max_length=MOST_CHARS
                        ),
                        name="text",
                        hint=texts.EDIT_HINT,
                        error=Passages.error,
                    ),
                    foot(common.SAVE, on_cancel=Passages.close),
                    on_submit=Passages.save,
                    key=Passages.editing,
                    class_name="stack",
                ),
                on_dismiss=Passages.close,
                wide=True,
            ),
        ),
        rx.cond(
            Passages.restoring != "",
            confirm(
                texts.PUT_BACK_TITLE,
                texts.PUT_BACK_WARNING,
                action=texts.PUT_BACK,
                on_confirm=Passages.restore,
                on_dismiss=Passages.close,
            ),
        ),
    )
