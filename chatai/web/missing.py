"""The page for addresses that lead nowhere, and what is shown when a page breaks."""

from __future__ import annotations

import reflex as rx
from reflex.vars import Var
from reflex_components_core.base.error_boundary import ErrorBoundary

from chatai.web.shared.elements import empty, icon, link_button, tile
from chatai.web.shared.layout import brand, frame
from chatai.web.shared.texts import common


def page() -> rx.Component:
    back = link_button(common.TO_ASSISTANTS, "/", kind="primary")
    return frame(
        rx.el.main(
            rx.el.div(brand(), style={"padding": "var(--s5)"}),
            empty("search-x", common.NOT_FOUND_TITLE, common.NOT_FOUND, back),
        )
    )


def error_boundary() -> rx.Component:
    """Keeps a fault of one page from taking everything away; the server's log gets the fault.

    It stands outside of the state, so both languages are there and the style sheet shows the right one.
    """
    fallback = rx.el.main(
        tile(icon("circle-alert", 26), names="bad"),
        *[
            rx.el.div(
                rx.el.h1(text(common.BROKEN_TITLE)),
                rx.el.p(text(common.BROKEN)),
                rx.el.a(text(common.BROKEN_AGAIN), href="", class_name="btn primary"),
                class_name=f"empty only-{language}",
                lang=language,
            )
            for language, text in (("en", lambda item: item.en), ("ru", lambda item: item.ru))
        ],
        class_name="empty",
        role="alert",
    )
    return ErrorBoundary.create(fallback_render=Var.create(fallback))
