"""One conversation, to read along."""

from __future__ import annotations

from typing import Any

import reflex as rx

from chatai.core.actor import Actor
from chatai.core.errors import NotFound
from chatai.domains.conversations import service as conversations
from chatai.web.assistants.one import missing
from chatai.web.conversations.index import channel_name
from chatai.web.conversations.turns import Turn, turn_of, turn_view
from chatai.web.shared.elements import button, confirm, crumbs, link_button, pill, skeleton
from chatai.web.shared.guard import handler, language_for, route_id, tell, unit
from chatai.web.shared.i18n import t, when
from chatai.web.shared.layout import Session, shell
from chatai.web.shared.parts import Ticker
from chatai.web.shared.texts import chat as texts
from chatai.web.shared.texts import common

REFRESH_MS = 5000


class Reading(rx.State):
    """The conversation that is open."""

    id: str = ""
    title: str = ""
    who: str = ""
    assistant: str = ""
    assistant_id_of: str = ""
    channel: str = ""
    started_at: str = ""
    turns: list[Turn] = []  # noqa: RUF012  Reflex copies it for each browser
    state: str = ""
    deleting: bool = False

    @handler
    async def load(self, actor: Actor) -> None:
        """Also called every few seconds: the conversation may be going on."""
        try:
            conversation_id = route_id(self, "conversation_id")
            async with unit(actor) as uow:
                detail = await conversations.get_conversation(uow, actor, conversation_id)
        except NotFound:
            self.state = "missing"
            return
        view = detail.view
        self.id, self.title, self.who = str(view.id), view.title, view.person_name
        self.assistant, self.assistant_id_of, self.channel = view.assistant_name, str(view.assistant_id), view.channel
        self.started_at, self.state = view.created_at.isoformat(), "ready"
        turns = [turn_of(item) for item in detail.messages]
        if turns != self.turns:
            self.turns = turns

    @handler
    async def ask_delete(self, actor: Actor) -> None:
        self.deleting = True

    @handler
    async def keep(self, actor: Actor) -> None:
        self.deleting = False

    @handler
    async def delete(self, actor: Actor) -> Any:
        self.deleting = False
        async with unit(actor) as uow:
            await conversations.delete_conversation(uow, actor, route_id(self, "conversation_id"))
        await tell(self, texts.DELETED.of(await language_for(self)))
        return rx.redirect("/conversations")


def page() -> rx.Component:
    title = rx.cond(Reading.title, Reading.title, t(texts.UNTITLED))
    facts = rx.el.div(
        pill(channel_name(Reading.channel), bare=True),
        rx.cond(Reading.who, rx.el.span(Reading.who)),
        rx.el.span(Reading.assistant),
        rx.el.span(when(Reading.started_at), class_name="faint"),
        class_name="row tight small muted",
    )
    actions = rx.el.div(
        rx.cond(
            Reading.channel == "web",
            link_button(
                texts.CONTINUE,
                f"/assistants/{Reading.assistant_id_of}?c={Reading.id}",
                icon_name="message-circle",
            ),
        ),
        button(common.DELETE, kind="bad-ghost", icon_name="trash-2", on_click=Reading.ask_delete),
        class_name="row tight",
    )
    ready = rx.fragment(
        rx.el.header(
            crumbs((texts.TITLE, "/conversations"), (title, f"/conversations/{Reading.id}")),
            rx.el.div(
                rx.el.div(rx.el.h1(title, class_name="clip-2"), facts, class_name="stack tight grow"),
                actions,
                class_name="head",
            ),
            class_name="stack tight",
        ),
        rx.el.div(rx.foreach(Reading.turns, turn_view), class_name="card thread flow"),
        Ticker.create(interval=REFRESH_MS, on_tick=Reading.load),
    )
    return shell(
        "conversations",
        rx.match(Reading.state, ("ready", ready), ("missing", missing()), skeleton(64, 320)),
        rx.cond(
            Reading.deleting,
            confirm(
                texts.DELETE_TITLE,
                texts.DELETE,
                action=common.DELETE,
                on_confirm=Reading.delete,
                on_dismiss=Reading.keep,
            ),
        ),
    )


ON_LOAD = [Session.enter, Reading.load]
