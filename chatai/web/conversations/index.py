"""The list of conversations, by assistant and channel."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import reflex as rx

from chatai.core.actor import Actor
from chatai.domains.assistants import service as assistants
from chatai.domains.conversations import service as conversations
from chatai.domains.conversations.schemas import Channel, ConversationSummary
from chatai.web.shared.elements import button, empty, link, page_head, pill, select, skeleton, tile
from chatai.web.shared.guard import handler, unit
from chatai.web.shared.i18n import count, t, when
from chatai.web.shared.layout import Session, shell
from chatai.web.shared.texts import chat as texts
from chatai.web.shared.texts import common

PAGE = 30
CHANNELS: dict[str, Channel] = {"web": "web", "telegram": "telegram", "api": "api", "widget": "widget"}


@dataclass
class Choice:
    """An assistant in the filter."""

    id: str
    name: str


@dataclass
class Line:
    """One conversation in the list."""

    id: str
    title: str
    who: str
    initial: str
    assistant: str
    channel: str
    at: str
    messages: int


class Conversations(rx.State):
    """The list as it is filtered. `more` says whether there are earlier ones."""

    lines: list[Line] = []  # noqa: RUF012  Reflex copies it for each browser
    choices: list[Choice] = []  # noqa: RUF012
    assistant: str = ""
    channel: str = ""
    more: bool = False
    loaded: bool = False

    @handler
    async def load(self, actor: Actor) -> None:
        async with unit(actor) as uow:
            found = await assistants.list_assistants(uow, actor)
        self.choices = [Choice(id=str(item.id), name=item.name) for item in found]
        if self.assistant not in {choice.id for choice in self.choices}:
            self.assistant = ""
        await self._fill(actor)
        self.loaded = True

    async def _fill(self, actor: Actor, before: datetime | None = None) -> None:
        async with unit(actor) as uow:
            found = await conversations.list_conversations(
                uow,
                actor,
                assistant_id=UUID(self.assistant) if self.assistant else None,
                channel=CHANNELS.get(self.channel),
                limit=PAGE + 1,
                before=before,
            )
        lines = [line_of(item) for item in found[:PAGE]]
        self.lines = [*self.lines, *lines] if before else lines
        self.more = len(found) > PAGE

    @handler
    async def choose_assistant(self, actor: Actor, assistant_id: str) -> None:
        self.assistant = assistant_id if assistant_id in {choice.id for choice in self.choices} else ""
        await self._fill(actor)

    @handler
    async def choose_channel(self, actor: Actor, channel: str) -> None:
        self.channel = channel if channel in CHANNELS else ""
        await self._fill(actor)

    @handler
    async def show_more(self, actor: Actor) -> None:
        if self.lines:
            await self._fill(actor, datetime.fromisoformat(self.lines[-1].at))


def line_of(item: ConversationSummary) -> Line:
    return Line(
        id=str(item.id),
        title=item.title,
        who=item.person_name,
        initial=(item.person_name or item.assistant_name)[:1].upper(),
        assistant=item.assistant_name,
        channel=item.channel,
        at=item.last_message_at.isoformat(),
        messages=item.message_count,
    )


def channel_name(channel: rx.Var[str]) -> rx.Var[str]:
    return rx.match(channel, *[(name, t(text)) for name, text in common.CHANNELS.items()], channel)


def line(item: rx.Var[Line]) -> rx.Component:
    return link(
        tile(item.initial, names="round quiet"),
        rx.el.span(
            rx.el.span(
                rx.cond(item.title, item.title, t(texts.UNTITLED)),
                class_name="clip",
                style={"display": "block", "fontWeight": "560"},
            ),
            rx.el.span(
                rx.cond(item.who, rx.fragment(item.who, " · ")),
                item.assistant,
                " · ",
                count(common.MESSAGES, item.messages),
                class_name="clip faint small",
                style={"display": "block"},
            ),
            class_name="grow",
        ),
        rx.el.span(
            pill(channel_name(item.channel), bare=True),
            rx.el.span(when(item.at), class_name="faint small", style={"whiteSpace": "nowrap"}),
            class_name="row tight end",
        ),
        to=f"/conversations/{item.id}",
        class_name="item",
    )


def filters() -> rx.Component:
    by_assistant = select(
        "assistant",
        rx.el.option(t(texts.ALL_ASSISTANTS), value=""),
        rx.foreach(Conversations.choices, lambda choice: rx.el.option(choice.name, value=choice.id)),
        value=Conversations.assistant,
        on_change=Conversations.choose_assistant,
        aria_label=t(texts.ALL_ASSISTANTS),
    )
    by_channel = select(
        "channel",
        rx.el.option(t(texts.ALL_CHANNELS), value=""),
        *[rx.el.option(t(text), value=name) for name, text in common.CHANNELS.items()],
        value=Conversations.channel,
        on_change=Conversations.choose_channel,
        aria_label=t(texts.ALL_CHANNELS),
    )
    return rx.el.div(by_assistant, by_channel, class_name="two", style={"maxWidth": "520px"})


def page() -> rx.Component:
    filtered = (Conversations.assistant != "") | (Conversations.channel != "")
    nothing = rx.cond(
        filtered,
        rx.el.p(t(texts.NOTHING_FITS), class_name="faint", style={"padding": "var(--s5)"}),
        empty("inbox", texts.EMPTY_TITLE, texts.EMPTY),
    )
    return shell(
        "conversations",
        page_head(texts.TITLE, lead=texts.LEAD),
        rx.cond(
            Conversations.loaded,
            rx.fragment(
                rx.cond(Conversations.lines.length() > 0, filters(), rx.cond(filtered, filters())),
                rx.el.div(
                    rx.cond(
                        Conversations.lines,
                        rx.el.div(rx.foreach(Conversations.lines, line), class_name="list"),
                        nothing,
                    ),
                    class_name="card",
                    style={"overflow": "hidden"},
                ),
                rx.cond(Conversations.more, rx.el.div(button(texts.MORE, on_click=Conversations.show_more))),
            ),
            skeleton(72, 72, 72),
        ),
    )


ON_LOAD = [Session.enter, Conversations.load]
