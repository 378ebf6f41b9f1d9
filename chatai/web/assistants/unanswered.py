"""The part of the answers' page with what people asked in vain: answered, dismissed, taken back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import reflex as rx

from chatai.core.actor import Actor
from chatai.core.errors import Forbidden
from chatai.domains.conversations import service as conversations
from chatai.domains.conversations.unanswered import PAGE, State, UnansweredGroup
from chatai.web.assistants.one import Current
from chatai.web.shared.elements import button, icon, link, pill
from chatai.web.shared.guard import handler, route_id, unit
from chatai.web.shared.i18n import count, number, t, when
from chatai.web.shared.texts import answers as texts

STATES: dict[str, State] = {"open": "open", "answered": "answered", "dismissed": "dismissed"}


@dataclass
class Asked:
    """One question, however often it was asked. `gone`: just dismissed, which can still be undone."""

    key: str
    question: str
    times: int
    at: str
    conversation: str
    reason: str
    gone: bool = False


class Unanswered(rx.State):
    """The questions in the state that is looked at. `allowed`: whether the reader may see any."""

    rows: list[Asked] = []  # noqa: RUF012  Reflex copies it for each browser
    shown: str = "open"
    more: bool = False
    allowed: bool = False

    @handler
    async def load(self, actor: Actor) -> None:
        self.shown = "open"
        await self._fill(actor)

    async def _fill(self, actor: Actor, before: Asked | None = None) -> None:
        assistant_id = route_id(self, "assistant_id")
        place = (datetime.fromisoformat(before.at), before.key) if before else None
        try:
            async with unit(actor) as uow:
                found = await conversations.list_unanswered(
                    uow, actor, assistant_id, state=STATES[self.shown], before=place, limit=PAGE + 1
                )
        except Forbidden:  # the page is for its readers, too; this part of it is not
            self.rows, self.more, self.allowed = [], False, False
            return
        rows = [row_of(group) for group in found[:PAGE]]
        self.rows = [*self.rows, *rows] if before else rows
        self.more, self.allowed = len(found) > PAGE, True
        await self._count(actor)

    async def _count(self, actor: Actor) -> None:
        current = await self.get_state(Current)
        async with unit(actor) as uow:
            current.unanswered = await conversations.count_unanswered(
                uow, actor, route_id(self, "assistant_id")
            )  # fmt: skip

    @handler
    async def choose(self, actor: Actor, question_state: str) -> None:
        self.shown = question_state if question_state in STATES else "open"
        await self._fill(actor)

    @handler
    async def show_more(self, actor: Actor) -> None:
        if self.rows:
            await self._fill(actor, self.rows[-1])

    @handler
    async def dismiss(self, actor: Actor, question_key: str) -> None:
        async with unit(actor) as uow:
            await conversations.dismiss_unanswered(uow, actor, route_id(self, "assistant_id"), question_key)
        self._mark(question_key, gone=True)
        await self._count(actor)

    @handler
    async def undo(self, actor: Actor, question_key: str) -> None:
        """Takes a dismissal back, right after it or later."""
        async with unit(actor) as uow:
            await conversations.reopen_unanswered(uow, actor, route_id(self, "assistant_id"), question_key)
        if self.shown == "open":
            self._mark(question_key, gone=False)
        else:
            self.rows = [row for row in self.rows if row.key != question_key]
        await self._count(actor)

    def _mark(self, key: str, *, gone: bool) -> None:
        self.rows = [replace(row, gone=gone) if row.key == key else row for row in self.rows]


def row_of(group: UnansweredGroup) -> Asked:
    return Asked(
        key=group.key,
        question=group.question,
        times=group.asked,
        at=group.last_at.isoformat(),
        conversation=str(group.conversation_id),
        reason=group.reason,
    )


def section(write: Any) -> rx.Component:
    """The whole part. `write`: the handler that opens the editor, with a question's key and words."""
    chips = [
        rx.el.button(
            t(label),
            *([rx.el.span(number(Current.unanswered), class_name="faint")] if name == "open" else []),
            type="button",
            class_name="filter-chip",
            aria_pressed=rx.cond(Unanswered.shown == name, "true", "false"),
            on_click=Unanswered.choose(name),
        )
        for name, label in texts.STATES.items()
    ]
    nothing = rx.match(Unanswered.shown, *[(name, t(text)) for name, text in texts.NONE.items()], "")
    return rx.cond(
        Unanswered.allowed,
        rx.el.section(
            rx.el.div(
                rx.el.div(
                    rx.el.h2(t(texts.UNANSWERED)),
                    rx.el.p(t(texts.UNANSWERED_LEAD), class_name="muted small"),
                    class_name="stack tight grow",
                ),
                rx.el.div(*chips, class_name="filter-chips", role="group", aria_label=t(texts.WHICH)),
                class_name="row between pad-head",
            ),
            rx.cond(
                Unanswered.rows,
                rx.el.ul(rx.foreach(Unanswered.rows, lambda row: line(row, write)), class_name="list"),
                rx.el.p(nothing, class_name="faint pad-line"),
            ),
            rx.cond(
                Unanswered.more,
                rx.el.div(button(texts.MORE, small=True, on_click=Unanswered.show_more), class_name="pad-line"),
            ),
            class_name="card unanswered",
        ),
    )


def line(row: rx.Var[Asked], write: Any) -> rx.Component:
    reason = rx.match(row.reason, *[(name, t(text)) for name, text in texts.REASONS.items()], "")
    facts = rx.el.p(
        rx.cond(row.times > 1, rx.fragment(count(texts.TIMES, row.times), " · ")),
        when(row.at),
        " · ",
        reason,
        "\u00a0· ",  # no line begins with the dot
        link(t(texts.TO_CONVERSATION), to=f"/conversations/{row.conversation}"),
        class_name="faint small",
    )
    open_actions = rx.fragment(
        button(texts.WRITE_ANSWER, small=True, icon_name="pencil", on_click=write(row.key, row.question)),
        button(texts.DISMISS, kind="ghost", small=True, on_click=Unanswered.dismiss(row.key)),
    )
    undone = rx.fragment(
        pill(texts.DISMISSED),
        button(texts.UNDO, kind="ghost", small=True, icon_name="undo-2", on_click=Unanswered.undo(row.key)),
    )
    dismissed_actions = rx.fragment(
        button(texts.WRITE_ANSWER, small=True, icon_name="pencil", on_click=write(row.key, row.question)),
        button(texts.REOPEN, kind="ghost", small=True, on_click=Unanswered.undo(row.key)),
    )
    actions = rx.match(
        Unanswered.shown,
        ("open", rx.cond(row.gone, undone, open_actions)),
        ("dismissed", dismissed_actions),
        rx.el.span(icon("circle-check", 16), t(texts.STATES["answered"]), class_name="row tight faint small"),
    )
    return rx.el.li(
        rx.el.div(
            rx.el.p(row.question, class_name="strong clip-2"),
            facts,
            class_name=rx.cond(row.gone, "grow stack line-text gone", "grow stack line-text"),
        ),
        rx.el.div(actions, class_name="row tight end"),
        class_name="item wrap",
        key=row.key,
    )
