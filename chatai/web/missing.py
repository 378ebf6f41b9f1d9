"""The page for addresses that lead nowhere."""

from __future__ import annotations

import reflex as rx

from chatai.web.shared.elements import empty, link_button
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
