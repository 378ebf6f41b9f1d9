"""One page of a document: as it looks, where it is a PDF, and as the text that was read of it."""

from __future__ import annotations

import reflex as rx

from chatai.frontend_pdf import ADDRESS
from chatai.web.documents.state import Reader
from chatai.web.shared.elements import icon, link, note
from chatai.web.shared.i18n import Text, t
from chatai.web.shared.parts import Passage, PdfPage
from chatai.web.shared.texts import documents as texts
from chatai.web.shared.texts import knowledge


def page_view() -> rx.Component:
    """The page of a PDF as it looks. Its text stands inside for browsers, and files, where that can't be."""
    return PdfPage.create(
        text(),
        engine=ADDRESS,
        url=f"/api/v1/documents/{Reader.id}/original",
        address=f"/documents/{Reader.id}",
        number=Reader.number,
        before=Reader.before,
        passage=Reader.passage,
        after=Reader.after,
        place=Reader.place,
        texts={
            **{name: t(said) for name, said in texts.PDF.items()},
            "failed": rx.cond(has_text(), t(texts.PDF["failed"]), t(texts.NOT_SHOWN)),
            "unmarked": rx.cond(Reader.is_picture, t(texts.PICTURE), t(texts.PDF["unmarked"])),
            "textQuery": Reader.text_query,
        },
    )


def text_view() -> rx.Component:
    return rx.fragment(
        rx.cond(Reader.page_count > 1, rx.el.div(pager(), class_name="row")),
        text(),
        rx.cond(Reader.page_count > 1, rx.el.div(pager(), class_name="row")),
    )


def has_text() -> rx.Var[bool]:
    return (Reader.before != "") | (Reader.passage != "") | (Reader.after != "")


def text() -> rx.Component:
    return rx.cond(
        has_text(),
        rx.el.article(
            Reader.before,
            rx.cond(Reader.passage, Passage.create(Reader.passage, place=Reader.place)),
            Reader.after,
            class_name="card sheet",
        ),
        rx.cond(Reader.page_count > 0, note(knowledge.NO_TEXT), note(texts.NOT_READ)),
    )


def pager() -> rx.Component:
    def arrow(sign: str, label: Text, number: rx.Var[int], shown: rx.Var[bool]) -> rx.Component:
        said = t(label)
        return rx.cond(
            shown,
            link(
                icon(sign),
                to=f"/documents/{Reader.id}?view=text&page={number}",
                class_name="btn icon plain small",
                aria_label=said,
                title=said,
            ),
            rx.el.span(icon(sign), class_name="btn icon plain small", aria_disabled="true", aria_hidden="true"),
        )

    return rx.el.nav(
        arrow("chevron-left", knowledge.PREVIOUS, Reader.number - 1, Reader.number > 1),
        rx.el.span(t(knowledge.PAGE_OF, number=Reader.number, all=Reader.page_count), class_name="small muted"),
        arrow("chevron-right", knowledge.NEXT, Reader.number + 1, Reader.number < Reader.page_count),
        class_name="row tight",
    )
