"""The list of assistants, and the dialog that makes a new one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import reflex as rx

from chatai.core.actor import Actor
from chatai.domains.assistants import service as assistants
from chatai.domains.assistants.schemas import AssistantDraft, AssistantSummary
from chatai.web.assistants.templates import TEMPLATES, template_for
from chatai.web.shared.elements import (
    PillKind,
    button,
    dialog,
    empty,
    field,
    foot,
    icon,
    link,
    page_head,
    pill,
    skeleton,
    text_input,
    tile,
)
from chatai.web.shared.guard import handler, language_for, unit
from chatai.web.shared.i18n import count, t
from chatai.web.shared.layout import Session, shell
from chatai.web.shared.texts import assistants as texts
from chatai.web.shared.texts import common


@dataclass
class Card:
    """One assistant in the list."""

    id: str
    name: str
    initial: str
    description: str
    documents: int
    documents_kind: str
    """How they are, as a pill's kind."""
    bots: int
    conversations: int


class Assistants(rx.State):
    """The list of assistants."""

    cards: list[Card] = []  # noqa: RUF012  Reflex copies it for each browser
    loaded: bool = False
    creating: bool = False
    template: str = TEMPLATES[-1].key
    error: str = ""

    @handler
    async def load(self, actor: Actor) -> None:
        async with unit(actor) as uow:
            found = await assistants.list_assistants(uow, actor)
        self.cards, self.loaded = [card_of(item) for item in found], True

    @handler
    async def open_dialog(self, actor: Actor) -> None:
        self.creating, self.error = True, ""

    @handler
    async def close_dialog(self, actor: Actor) -> None:
        self.creating = False

    @handler
    async def choose(self, actor: Actor, key: str) -> None:
        self.template = template_for(key).key

    @handler(error="error")
    async def create(self, actor: Actor, form: dict[str, Any]) -> Any:
        """Makes the assistant from the chosen template and goes on to its knowledge."""
        language = await language_for(self)
        template = template_for(self.template)
        draft = AssistantDraft(
            name=str(form.get("name", "")),
            description=template.description.of(language) if template.key != "blank" else "",
            instructions=template.instructions.of(language),
            greeting=template.greeting.of(language),
        )
        async with unit(actor) as uow:
            made = await assistants.create_assistant(uow, actor, draft)
        self.creating = False
        return rx.redirect(f"/assistants/{made.id}/knowledge")


def card_of(item: AssistantSummary) -> Card:
    return Card(
        id=str(item.id),
        name=item.name,
        initial=item.name[:1].upper(),
        description=item.description,
        documents=item.document_count,
        documents_kind=documents_kind(item),
        bots=item.bot_count,
        conversations=item.conversation_count,
    )


def documents_kind(item: AssistantSummary) -> PillKind:
    """As a whole: being read as long as one is, and not well where one failed."""
    if item.ready_document_count + item.failed_document_count < item.document_count:
        return "busy"
    return "warn" if item.failed_document_count else "ok"


def card(item: rx.Var[Card]) -> rx.Component:
    return link(
        rx.el.div(
            tile(item.initial),
            rx.el.div(
                rx.el.h2(item.name, class_name="clip-2"),
                rx.el.p(
                    rx.cond(item.description, item.description, t(texts.NO_DESCRIPTION)),
                    class_name="muted small clip-2",
                ),
                class_name="grow stack tight",
            ),
            class_name="row top",
        ),
        rx.el.div(
            rx.cond(
                item.documents > 0,
                pill(count(common.DOCUMENTS, item.documents), item.documents_kind),
                pill(texts.NO_DOCUMENTS, "warn"),
            ),
            rx.cond(item.bots > 0, pill(count(common.BOTS, item.bots), bare=True)),
            rx.cond(item.conversations > 0, pill(count(common.CONVERSATION_COUNT, item.conversations), bare=True)),
            class_name="row tight",
        ),
        to=f"/assistants/{item.id}",
        class_name="card pad tall",
    )


def template_choice() -> rx.Component:
    options = [
        rx.el.button(
            tile(icon(template.icon, 19), names="quiet"),
            rx.el.span(
                rx.el.span(t(template.title), style={"display": "block", "fontWeight": "580"}),
                rx.el.span(t(template.description), class_name="muted small", style={"display": "block"}),
                class_name="grow",
            ),
            type="button",
            class_name="option",
            aria_pressed=rx.cond(Assistants.template == template.key, "true", "false"),
            on_click=Assistants.choose(template.key),
        )
        for template in TEMPLATES
    ]
    return rx.el.div(
        rx.el.p(t(texts.START_FROM), class_name="legend", id="start-from"),
        rx.el.div(*options, class_name="two", role="group", aria_labelledby="start-from"),
        class_name="stack tight",
    )


def create_dialog() -> rx.Component:
    return dialog(
        texts.CREATE_TITLE,
        rx.el.form(
            field(
                texts.NAME,
                text_input("name", required=True, max_length=100, auto_focus=True, placeholder=t(texts.NAME_EXAMPLE)),
                name="name",
                hint=texts.NAME_HINT,
            ),
            template_choice(),
            foot(texts.CREATE, on_cancel=Assistants.close_dialog, error=Assistants.error),
            on_submit=Assistants.create,
            class_name="stack wide",
        ),
        on_dismiss=Assistants.close_dialog,
        wide=True,
    )


def page() -> rx.Component:
    new = button(texts.NEW, kind="primary", icon_name="plus", on_click=Assistants.open_dialog)
    return shell(
        "assistants",
        page_head(texts.TITLE, rx.cond(Assistants.cards, new), lead=texts.LEAD),
        rx.cond(
            Assistants.loaded,
            rx.cond(
                Assistants.cards,
                rx.el.div(rx.foreach(Assistants.cards, card), class_name="cards"),
                rx.el.div(empty("messages-square", texts.EMPTY_TITLE, texts.EMPTY, new), class_name="card"),
            ),
            skeleton(132, 132),
        ),
        rx.cond(Assistants.creating, create_dialog()),
    )


ON_LOAD = [Session.enter, Assistants.load]
