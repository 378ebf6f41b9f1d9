"""An assistant's typed questions and answers: added, changed, deleted, imported from a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import reflex as rx

from chatai.core.actor import Actor
from chatai.core.errors import sentence_for
from chatai.domains.knowledge import service as knowledge
from chatai.domains.knowledge.schemas import PairView
from chatai.web.assistants.knowledge import identifier
from chatai.web.assistants.one import Current, assistant_page
from chatai.web.shared.elements import (
    button,
    confirm,
    dialog,
    empty,
    field,
    icon_button,
    note,
    page_head,
    pill,
    skeleton,
    text_area,
    text_input,
)
from chatai.web.shared.guard import handler, language_for, route_id, tell, unit
from chatai.web.shared.i18n import t
from chatai.web.shared.layout import Session
from chatai.web.shared.parts import Ticker
from chatai.web.shared.texts import answers as texts
from chatai.web.shared.texts import common

REFRESH_MS = 1500
MOST_REFUSALS = 20


@dataclass
class Pair:
    """One question with its answer. `waits`: it is not findable yet."""

    id: str
    question: str
    answer: str
    waits: bool


class Answers(rx.State):
    """The pairs of one assistant, and the one that is being written."""

    rows: list[Pair] = []  # noqa: RUF012  Reflex copies it for each browser
    busy: bool = False
    loaded_for: str = ""
    editing: str = ""
    question: str = ""
    answer: str = ""
    importing: bool = False
    refused: list[str] = []  # noqa: RUF012
    deleting: str = ""
    deleting_question: str = ""
    error: str = ""

    @handler
    async def load(self, actor: Actor) -> None:
        """Also called while new pairs are being made findable."""
        await self._load(actor)

    async def _load(self, actor: Actor) -> None:
        assistant_id = route_id(self, "assistant_id")
        async with unit(actor) as uow:
            found = await knowledge.list_pairs(uow, actor, assistant_id)
        self.rows = [row_of(pair) for pair in found]
        self.busy = any(row.waits for row in self.rows)
        self.loaded_for = str(assistant_id)

    @handler
    async def begin(self, actor: Actor) -> None:
        self.editing, self.question, self.answer, self.error = "new", "", "", ""

    @handler
    async def edit(self, actor: Actor, pair_id: str) -> None:
        row = next((row for row in self.rows if row.id == pair_id), None)
        if row is not None:
            self.editing, self.question, self.answer, self.error = row.id, row.question, row.answer, ""

    @handler
    async def close(self, actor: Actor) -> None:
        self.editing, self.importing, self.deleting, self.error = "", False, "", ""
        self.refused = []

    @handler(error="error")
    async def save(self, actor: Actor, form: dict[str, Any]) -> None:
        assistant_id = route_id(self, "assistant_id")
        # Kept, so that a refusal does not empty what was written.
        self.question, self.answer = str(form.get("question", "")), str(form.get("answer", ""))
        new = self.editing == "new"
        async with unit(actor) as uow:
            if new:
                await knowledge.add_pair(uow, actor, assistant_id, self.question, self.answer)
            else:
                await knowledge.change_pair(uow, actor, identifier(self.editing), self.question, self.answer)
        self.editing, self.error = "", ""
        await self._load(actor)
        await tell(self, (texts.ADDED if new else texts.CHANGED).of(await language_for(self)))

    @handler
    async def begin_import(self, actor: Actor) -> None:
        self.importing, self.error, self.refused = True, "", []

    @handler(error="error")
    async def take_table(self, actor: Actor, form: dict[str, Any]) -> None:
        assistant_id = route_id(self, "assistant_id")
        self.error = ""
        rows = knowledge.table_of(str(form.get("table", "")).encode())
        async with unit(actor) as uow:
            done = await knowledge.import_pairs(uow, actor, assistant_id, rows)
        language = await language_for(self)
        await self._load(actor)
        await tell(self, texts.IMPORTED.of(language, added=done.added, changed=done.changed, refused=len(done.refused)))
        self.refused = [
            texts.REFUSED.of(language, row=number, why=sentence_for(code, language))
            for number, code in list(done.refused.items())[:MOST_REFUSALS]
        ]
        self.importing = bool(self.refused)

    @handler
    async def ask_delete(self, actor: Actor, pair_id: str, question: str) -> None:
        self.deleting, self.deleting_question = pair_id, question

    @handler
    async def delete(self, actor: Actor) -> None:
        pair_id, self.deleting = identifier(self.deleting), ""
        async with unit(actor) as uow:
            await knowledge.delete_pair(uow, actor, pair_id)
        await self._load(actor)
        await tell(self, texts.DELETED.of(await language_for(self)))


def row_of(pair: PairView) -> Pair:
    return Pair(str(pair.id), pair.question, pair.answer, pair.state in {"queued", "reading", "embedding"})


def pair_line(row: rx.Var[Pair]) -> rx.Component:
    return rx.el.li(
        rx.el.div(
            rx.el.p(row.question, style={"fontWeight": "580"}),
            rx.el.p(row.answer, class_name="muted small clip-2", style={"whiteSpace": "pre-line"}),
            class_name="grow stack",
            style={"gap": "4px"},
        ),
        rx.el.div(
            rx.cond(row.waits, pill(texts.NOT_READY, "busy")),
            icon_button("pencil", texts.CHANGE, on_click=Answers.edit(row.id)),
            icon_button("trash-2", common.DELETE, on_click=Answers.ask_delete(row.id, row.question)),
            class_name="row tight end",
        ),
        class_name="item",
    )


def pair_dialog() -> rx.Component:
    return dialog(
        rx.cond(Answers.editing == "new", t(texts.ADD), t(texts.CHANGE)),
        rx.el.form(
            field(
                texts.QUESTION,
                text_input("question", default_value=Answers.question, required=True, max_length=500, auto_focus=True),
                name="question",
                hint=texts.QUESTION_HINT,
            ),
            field(
                texts.ANSWER,
                text_area("answer", tall=True, default_value=Answers.answer, required=True, max_length=8_000),
                name="answer",
            ),
            rx.cond(Answers.error, note(Answers.error, "bad")),
            rx.el.div(
                button(common.CANCEL, on_click=Answers.close),
                button(texts.SAVE, kind="primary", type="submit"),
                class_name="row end",
            ),
            on_submit=Answers.save,
            key=Answers.editing,
            class_name="stack",
        ),
        on_dismiss=Answers.close,
        wide=True,
    )


def import_dialog() -> rx.Component:
    return dialog(
        texts.IMPORT,
        rx.el.form(
            rx.el.p(t(texts.IMPORT_HINT), class_name="muted small"),
            text_area("table", tall=True, required=True, aria_label=t(texts.IMPORT), spell_check=False),
            rx.cond(Answers.error, note(Answers.error, "bad")),
            rx.foreach(Answers.refused, lambda line: note(line, "warn")),
            rx.el.div(
                button(common.CANCEL, on_click=Answers.close),
                button(texts.IMPORT, kind="primary", type="submit"),
                class_name="row end",
            ),
            on_submit=Answers.take_table,
            class_name="stack",
        ),
        on_dismiss=Answers.close,
        wide=True,
    )


def page() -> rx.Component:
    pairs = rx.cond(
        Answers.rows,
        rx.el.ul(rx.foreach(Answers.rows, pair_line), class_name="card list"),
        rx.el.div(empty("message-circle-question", texts.EMPTY_TITLE, texts.EMPTY), class_name="card"),
    )
    return assistant_page(
        "answers",
        rx.cond(
            Answers.loaded_for == Current.id,
            rx.fragment(
                page_head(
                    texts.TITLE,
                    button(texts.IMPORT, icon_name="table", on_click=Answers.begin_import),
                    button(texts.ADD, kind="primary", icon_name="plus", on_click=Answers.begin),
                    lead=texts.LEAD,
                ),
                pairs,
                rx.cond(Answers.busy, Ticker.create(interval=REFRESH_MS, on_tick=Answers.load)),
            ),
            skeleton(72, 72, 72),
        ),
        rx.cond(Answers.editing, pair_dialog()),
        rx.cond(Answers.importing, import_dialog()),
        rx.cond(
            Answers.deleting,
            confirm(
                texts.DELETE_TITLE,
                texts.DELETE,
                action=common.DELETE,
                on_confirm=Answers.delete,
                on_dismiss=Answers.close,
                extra=note(Answers.deleting_question),
            ),
        ),
    )


ON_LOAD = [Session.enter, Current.load, Answers.load]
