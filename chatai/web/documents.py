"""A page of a document, as text, with the cited passage marked."""

from __future__ import annotations

import reflex as rx

from chatai.core.actor import Actor
from chatai.core.errors import NotFound
from chatai.domains.assistants import service as assistants
from chatai.domains.knowledge import service as knowledge
from chatai.web.assistants.one import missing
from chatai.web.shared.elements import crumbs, icon, link, note, skeleton
from chatai.web.shared.guard import handler, route_id, unit
from chatai.web.shared.i18n import t
from chatai.web.shared.layout import Session, shell
from chatai.web.shared.parts import Passage
from chatai.web.shared.texts import common
from chatai.web.shared.texts import knowledge as texts


class Reader(rx.State):
    """One page in three pieces: before the passage, the passage, after it."""

    id: str = ""
    name: str = ""
    assistant: str = ""
    assistant_id_of: str = ""
    number: int = 0
    page_count: int = 0
    before: str = ""
    passage: str = ""
    after: str = ""
    place: str = ""
    is_pdf: bool = False
    state: str = ""

    @handler
    async def load(self, actor: Actor) -> None:
        """Shows `?page=`, with the characters from `start` to `end` marked; `end=-1` is the end of the page."""
        query = self.router.url.query_parameters
        number = whole(query.get("page"), 1)
        try:
            document_id = route_id(self, "document_id")
            async with unit(actor) as uow:
                document = await knowledge.get_document(uow, actor, document_id)
                page = await knowledge.get_page(uow, actor, document_id, number)
                assistant = await assistants.get_assistant(uow, actor, document.assistant_id)
        except NotFound:
            self.state = "missing"
            return
        start, end = whole(query.get("start"), 0), whole(query.get("end"), 0)
        self.before, self.passage, self.after = cut(page.text, start, end)
        self.id, self.name, self.number, self.page_count = str(document.id), document.name, page.number, page.page_count
        self.assistant, self.assistant_id_of = assistant.name, str(assistant.id)
        self.is_pdf = document.media_type == "application/pdf"
        self.place, self.state = f"{document.id}:{number}:{start}:{end}", "ready"


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


def pager() -> rx.Component:
    def arrow(sign: str, label: object, number: rx.Var[int], shown: rx.Var[bool]) -> rx.Component:
        text = t(label)  # type: ignore[arg-type]  # one of the two texts below
        return rx.cond(
            shown,
            link(
                icon(sign),
                to=f"/documents/{Reader.id}?page={number}",
                class_name="btn icon plain small",
                aria_label=text,
                title=text,
            ),
            rx.el.span(icon(sign), class_name="btn icon plain small", aria_disabled="true", aria_hidden="true"),
        )

    return rx.el.nav(
        arrow("chevron-left", texts.PREVIOUS, Reader.number - 1, Reader.number > 1),
        rx.el.span(t(texts.PAGE_OF, number=Reader.number, all=Reader.page_count), class_name="small muted"),
        arrow("chevron-right", texts.NEXT, Reader.number + 1, Reader.number < Reader.page_count),
        class_name="row tight",
    )


def page() -> rx.Component:
    anchor = rx.cond(Reader.is_pdf, f"#page={Reader.number}", "")
    original = rx.el.a(
        icon("external-link", 16),
        t(texts.ORIGINAL),
        href=f"/api/v1/documents/{Reader.id}/original{anchor}",
        target="_blank",
        rel="noopener",
        class_name="btn plain small",
    )
    has_text = (Reader.before != "") | (Reader.passage != "") | (Reader.after != "")
    ready = rx.fragment(
        rx.el.header(
            crumbs(
                (common.ASSISTANTS, "/"),
                (Reader.assistant, f"/assistants/{Reader.assistant_id_of}/knowledge"),
                (Reader.name, f"/documents/{Reader.id}"),
            ),
            rx.el.h1(Reader.name, class_name="clip-2"),
            class_name="stack tight",
        ),
        rx.el.div(pager(), original, class_name="row between"),
        rx.cond(
            has_text,
            rx.el.article(
                Reader.before,
                rx.cond(Reader.passage, Passage.create(Reader.passage, place=Reader.place)),
                Reader.after,
                class_name="card sheet",
            ),
            note(texts.NO_TEXT),
        ),
        rx.el.div(pager(), class_name="row between"),
    )
    return shell(
        "assistants",
        rx.match(Reader.state, ("ready", ready), ("missing", missing()), skeleton(64, 520)),
        narrow=True,
    )


ON_LOAD = [Session.enter, Reader.load]
