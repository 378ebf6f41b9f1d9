"""What the pages of one assistant share: which one it is, its heading and its tabs."""

from __future__ import annotations

from typing import Any, Literal

import reflex as rx

from chatai.core.actor import Actor
from chatai.core.errors import NotFound
from chatai.domains.assistants import service as assistants
from chatai.domains.conversations import service as conversations
from chatai.web.shared.elements import crumbs, empty, icon, link, link_button, skeleton
from chatai.web.shared.guard import handler, route_id, unit
from chatai.web.shared.i18n import number, t
from chatai.web.shared.layout import shell
from chatai.web.shared.texts import answers as answer_texts
from chatai.web.shared.texts import assistants as texts
from chatai.web.shared.texts import common

Tab = Literal["chat", "knowledge", "answers", "search", "channels", "setup"]
TABS = (
    ("chat", "", "message-circle", texts.TAB_CHAT),
    ("knowledge", "/knowledge", "library", texts.TAB_KNOWLEDGE),
    ("answers", "/answers", "message-circle-question", texts.TAB_ANSWERS),
    ("search", "/search", "search-check", texts.TAB_SEARCH),
    ("channels", "/channels", "send", texts.TAB_CHANNELS),
    ("setup", "/setup", "sliders-horizontal", texts.TAB_SETUP),
)


# Where the browser is. After a click the state still holds the assistant before, until the server has answered.
PLACE = rx.Var("(typeof window === 'undefined' ? '' : window.location.pathname.toLowerCase())").to(str)


class Current(rx.State):
    """The assistant whose page is open."""

    id: str = ""
    name: str = ""
    description: str = ""
    greeting: str = ""
    state: str = ""
    unanswered: int = 0

    @handler
    async def load(self, actor: Actor) -> None:
        try:
            assistant_id = route_id(self, "assistant_id")
            async with unit(actor) as uow:
                found = await assistants.get_assistant(uow, actor, assistant_id)
                self.unanswered = await conversations.count_unanswered(uow, actor, assistant_id)
        except NotFound:
            self.state, self.id = "missing", ""
            return
        self.id, self.name, self.state = str(found.id), found.name, "ready"
        self.description, self.greeting = found.description, found.greeting


def missing() -> rx.Component:
    return rx.el.div(
        empty(
            "search-x",
            common.NOT_FOUND_TITLE,
            common.NOT_FOUND,
            link_button(common.TO_ASSISTANTS, "/", kind="primary"),
        ),
        class_name="card",
    )


def tab_label(name: str, label: Any) -> list[Any]:
    """The label; on phones a shorter one, where there is one."""
    if name != "search":
        return [label]
    return [rx.el.span(label, class_name="on-wide"), rx.el.span(t(texts.TAB_SEARCH_SHORT), class_name="on-phone")]


def unanswered_badge() -> rx.Component:
    """How many questions wait for an answer. Read out with the tab's name."""
    label = t(answer_texts.UNANSWERED_COUNT, number=number(Current.unanswered))
    return rx.cond(
        Current.unanswered > 0,
        rx.el.span(
            rx.el.span(number(Current.unanswered), aria_hidden="true"),
            rx.el.span(label, class_name="sr"),
            class_name="badge",
            title=label,
        ),
    )


def assistant_page(tab: Tab, *content: Any) -> rx.Component:
    """One tab of an assistant."""
    address = f"/assistants/{Current.id}"
    tabs = [
        link(
            icon(sign, 16),
            *tab_label(name, t(label)),
            *([unanswered_badge()] if name == "answers" else []),
            to=f"{address}{path}",
            aria_current="page" if name == tab else None,
        )
        for name, path, sign, label in TABS
    ]
    ready = rx.fragment(
        rx.el.header(
            crumbs((common.ASSISTANTS, "/"), (Current.name, address)),
            rx.el.h1(Current.name, class_name="clip"),
            class_name="stack tight",
        ),
        rx.el.nav(*tabs, class_name="tabs", aria_label=t(texts.TABS)),
        *content,
    )
    state = rx.cond(PLACE.contains(Current.id), Current.state, "")
    return shell("assistants", rx.match(state, ("ready", ready), ("missing", missing()), skeleton(64, 40, 260)))
