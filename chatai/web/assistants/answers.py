"""An assistant's typed questions and answers: added, changed, deleted. The page they stand on is `answers_page`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import reflex as rx

from chatai.core.actor import Actor
from chatai.domains.conversations import service as conversations
from chatai.domains.knowledge import service as knowledge
from chatai.domains.knowledge.schemas import PairView
from chatai.web.assistants.unanswered import Unanswered
from chatai.web.shared.elements import (
    dialog,
    field,
    foot,
    icon_button,
    pill,
    text_area,
    text_input,
)
from chatai.web.shared.guard import handler, identifier, language_for, route_id, tell, unit
from chatai.web.shared.i18n import t
from chatai.web.shared.texts import answers as texts
from chatai.web.shared.texts import common

MOST_QUESTION = 500


@dataclass
class Pair:
    """One question with its answer. `waits`: it is not findable yet."""

    id: str
    question: str
    answer: str
    waits: bool


class Answers(rx.State):
    """The pairs of one assistant, and the one that is being written.

    `asked`: it answers a question that people asked in vain, the one of `_asked_key`.
    """

    rows: list[Pair] = []  # noqa: RUF012  Reflex copies it for each browser
    busy: bool = False
    loaded_for: str = ""
    editing: str = ""
    question: str = ""
    answer: str = ""
    asked: bool = False
    _asked_key: str = ""
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
        self._answers_asked("")

    @handler
    async def answer_asked(self, actor: Actor, question_key: str, question: str) -> None:
        """Writes the answer to a question that people asked in vain; where there is one already, it is changed."""
        words = " ".join(question.split())
        row = next((row for row in self.rows if row.question.lower() == words.lower()), None)
        self.editing, self.question = (row.id, row.question) if row else ("new", words[:MOST_QUESTION])
        self.answer, self.error = row.answer if row else "", ""
        self._answers_asked(question_key)

    def _answers_asked(self, key: str) -> None:
        self._asked_key, self.asked = key, key != ""

    @handler
    async def edit(self, actor: Actor, pair_id: str) -> None:
        row = next((row for row in self.rows if row.id == pair_id), None)
        if row is not None:
            self.editing, self.question, self.answer, self.error = row.id, row.question, row.answer, ""
            self._answers_asked("")

    @handler
    async def close(self, actor: Actor) -> None:
        self.editing, self.deleting, self.error = "", "", ""
        self._answers_asked("")

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
            if self._asked_key:
                await conversations.mark_answered(uow, actor, assistant_id, self._asked_key)
        if self._asked_key:
            await (await self.get_state(Unanswered))._fill(actor)
        self.editing, self.error = "", ""
        self._answers_asked("")
        await self._load(actor)
        await tell(self, (texts.ADDED if new else texts.CHANGED).of(await language_for(self)))

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
        rx.cond(Answers.editing == "new", t(texts.NEW), t(texts.CHANGE_TITLE)),
        rx.el.form(
            field(
                texts.QUESTION,
                text_input(
                    "question",
                    default_value=Answers.question,
                    required=True,
                    max_length=MOST_QUESTION,
                    auto_focus=True,
                ),
                name="question",
                hint=texts.QUESTION_HINT,
            ),
            field(
                texts.ANSWER,
                text_area(
                    "answer",
                    tall=True,
                    default_value=Answers.answer,
                    required=True,
                    max_length=8_000,
                    custom_attrs={"data-first": rx.cond(Answers.asked, "true", "false")},
                ),
                name="answer",
            ),
            foot(texts.SAVE, on_cancel=Answers.close, error=Answers.error),
            on_submit=Answers.save,
            key=Answers.editing,
            class_name="stack",
        ),
        on_dismiss=Answers.close,
        wide=True,
    )
