"""A document's page with its views, each at an address of its own (`?view=`)."""

from __future__ import annotations

import reflex as rx

from chatai.web.assistants.one import PLACE, missing
from chatai.web.documents import passages, report, sheet
from chatai.web.documents.passages import Passages
from chatai.web.documents.state import Reader
from chatai.web.shared.elements import crumbs, icon, link, skeleton
from chatai.web.shared.i18n import Text, t
from chatai.web.shared.layout import Session, shell
from chatai.web.shared.texts import common, knowledge
from chatai.web.shared.texts import documents as texts


def tabs() -> rx.Component:
    def tab(view: str, sign: str, label: Text, query: rx.Var[str] | str) -> rx.Component:
        return link(
            icon(sign, 16),
            t(label),
            to=f"/documents/{Reader.id}?{query}",
            aria_current=rx.cond(Reader.view == view, "page", None),
        )

    return rx.el.nav(
        rx.cond(Reader.is_pdf, tab("page", "file-text", texts.VIEW_PAGE, Reader.page_query)),
        tab("text", "text", texts.VIEW_TEXT, Reader.text_query),
        tab("passages", "list", texts.VIEW_PASSAGES, "view=passages"),
        tab("report", "clipboard-check", texts.VIEW_REPORT, "view=report"),
        class_name="tabs",
        aria_label=t(texts.VIEWS),
    )


def page() -> rx.Component:
    anchor = rx.cond(Reader.is_pdf, f"#page={Reader.number}", "")
    original = rx.el.a(
        icon("external-link", 16),
        t(knowledge.ORIGINAL),
        href=f"{Reader.source}{anchor}",
        target="_blank",
        rel="noopener noreferrer",
        class_name="btn plain small",
    )
    ready = rx.fragment(
        rx.el.header(
            crumbs(
                (common.ASSISTANTS, "/"),
                (Reader.assistant, f"/assistants/{Reader.assistant_id_of}/knowledge"),
                (Reader.name, f"/documents/{Reader.id}"),
            ),
            rx.el.div(
                rx.el.h1(Reader.name, class_name="clip-2 grow"),
                rx.cond(Reader.source != "", original),
                class_name="row between titled",
            ),
            class_name="stack tight",
        ),
        tabs(),
        rx.match(
            Reader.view,
            ("page", sheet.page_view()),
            ("passages", passages.passages_view()),
            ("report", report.report_view()),
            sheet.text_view(),
        ),
        report.dialogs(),
        passages.dialogs(),
    )
    state = rx.cond((Reader.state == "missing") | PLACE.contains(Reader.id), Reader.state, "")
    return shell(
        "assistants",
        rx.match(state, ("ready", ready), ("missing", missing()), skeleton(64, 520)),
        narrow=True,
    )


ON_LOAD = [Session.enter, Reader.load, Passages.load]
