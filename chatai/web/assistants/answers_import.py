"""The dialog that imports questions and answers from a table: paste or choose a file, look at each row, import."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import reflex as rx

from chatai.core.actor import Actor
from chatai.core.errors import ChatAIError
from chatai.domains.knowledge import service as knowledge
from chatai.domains.knowledge.errors import TableTooLong, failure_sentence
from chatai.domains.knowledge.pairs import MOST_ANSWER_CHARS, MOST_QUESTION_CHARS
from chatai.domains.knowledge.service import PairLine
from chatai.web.assistants.answers import Answers
from chatai.web.assistants.one import Current
from chatai.web.shared.elements import dialog, field, foot, icon, pill
from chatai.web.shared.guard import handler, identifier, language_for, place_of, route_id, tell, tell_failure, unit
from chatai.web.shared.i18n import is_russian, number, t
from chatai.web.shared.parts import TableInput
from chatai.web.shared.texts import answers as texts

LARGEST_BYTES = 700_000  # of the table as text; one event of the page may have a million
MOST_LINES = 300  # that the browser gets to see, the refused ones first


@dataclass
class Line:
    """One row of the table and what will become of it. `why_…`: why it can't be taken."""

    number: int
    question: str
    answer: str
    outcome: str
    why_en: str
    why_ru: str


class Import(rx.State):
    """The import under way. `step`: empty (closed), table, checked or running."""

    step: str = ""
    lines: list[Line] = []  # noqa: RUF012  Reflex copies it for each browser
    counts: dict[str, int] = {}  # noqa: RUF012
    total: int = 0
    draft: str = ""
    error: str = ""
    _table: str = ""
    _assistant: str = ""
    _opened: int = 0

    @handler
    async def open_dialog(self, actor: Actor) -> None:
        self._opened += 1
        self.step, self.draft, self.error, self.lines, self._table = "table", "", "", [], ""

    @handler
    async def close_dialog(self, actor: Actor) -> None:
        self.step, self.draft, self.lines, self._table = "", "", [], ""

    @handler
    async def back(self, actor: Actor) -> None:
        """To the table as it was, to mend it."""
        self.step, self.draft, self.error, self.lines = "table", self._table, "", []

    @handler(error="error")
    async def check(self, actor: Actor, form: dict[str, Any]) -> None:
        """Reads the table and says what would happen."""
        self.error = ""
        assistant_id = route_id(self, "assistant_id")
        table = str(form.get("table", ""))
        rows = await rows_of(table)
        async with unit(actor) as uow:
            planned = await knowledge.plan_pairs(uow, actor, assistant_id, rows)
        self._table, self._assistant = table, str(assistant_id)
        self.counts = {
            outcome: sum(line.outcome == outcome for line in planned)
            for outcome in ("add", "change", "keep", "refuse")
        }  # fmt: skip
        self.total = len(planned)
        planned.sort(key=lambda line: line.outcome != "refuse")
        self.lines = [line_of(line) for line in planned[:MOST_LINES]]
        self.step = "checked"

    def _runs(self, opened: int) -> bool:
        """Whether the dialog shows that import still: it may have been closed, and opened for another table."""
        return self.step == "running" and self._opened == opened

    @handler(background=True, error="error")
    async def run(self, actor: Actor) -> None:
        """Imports the table, beside other events: thousands of rows take some seconds."""
        async with self:
            if self.step != "checked":
                return
            self.step, table, assistant, place = "running", self._table, self._assistant, place_of(self)
            opened = self._opened
        try:
            rows = await rows_of(table)
            async with unit(actor) as uow:
                done = await knowledge.import_pairs(uow, actor, identifier(assistant), rows)
        except BaseException as failure:  # also one that nobody thought of: the dialog must not import for ever
            async with self:
                if self._runs(opened):
                    self.step, self.draft = "table", table
                elif isinstance(failure, ChatAIError):
                    await tell_failure(self, failure)
                    return
            raise
        async with self:
            if self._runs(opened):
                self.step, self.lines, self.draft, self._table = "", [], "", ""
            language = await language_for(self)
            refused = len(done.refused)
            await tell(self, texts.IMPORTED.of(language, added=done.added, changed=done.changed, refused=refused))
            if place_of(self) == place:
                await (await self.get_state(Answers))._load(actor)


async def rows_of(table: str) -> list[list[str]]:
    """The rows of a table that a browser sent; nothing is cut off. Raises: TableTooLong, BadTable."""
    data = table.encode(errors="replace")
    if len(data) > LARGEST_BYTES:
        raise TableTooLong(limit_kb=LARGEST_BYTES // 1000)
    return await asyncio.to_thread(knowledge.table_of, data)


def line_of(line: PairLine) -> Line:
    limits = {"question": MOST_QUESTION_CHARS, "answer": MOST_ANSWER_CHARS}
    if line.refusal == "duplicate_pair":
        limits = {"question": line.question}  # type: ignore[dict-item]
    why = {
        language: failure_sentence(line.refusal, limits, language) if line.refusal else ""
        for language in ("en", "ru")
    }  # fmt: skip
    return Line(line.number, line.question[:200], line.answer[:200], line.outcome, why["en"], why["ru"])


def line_view(line: rx.Var[Line]) -> rx.Component:
    sign = rx.match(
        line.outcome,
        ("add", pill(texts.OUTCOMES["add"], "ok")),
        ("change", pill(texts.OUTCOMES["change"], "busy")),
        ("keep", pill(texts.OUTCOMES["keep"])),
        pill(rx.cond(is_russian(), line.why_ru, line.why_en), "bad"),
    )
    return rx.el.li(
        rx.el.span(t(texts.ROW, number=line.number), class_name="faint small"),
        rx.el.span(line.question, class_name="clip"),
        rx.el.span(line.answer, class_name="clip muted small"),
        sign,
    )


def table_form() -> rx.Component:
    labels = {
        "pick": t(texts.CHOOSE_FILE),
        "reading": t(texts.READING_FILE),
        "failed": t(texts.FILE_FAILED),
        "tooLarge": t(texts.TABLE_TOO_LARGE),
    }
    return rx.el.form(
        rx.el.p(t(texts.IMPORT_HINT), class_name="muted small"),
        field(
            texts.TABLE,
            TableInput.create(
                name="table",
                placeholder=t(texts.TABLE_EXAMPLE),
                max_bytes=LARGEST_BYTES,
                texts=labels,
                url=f"/api/v1/assistants/{Current.id}/answers/table",
                value=Import.draft,
            ),
            name="table",
        ),
        foot(texts.CHECK, on_cancel=Import.close_dialog, error=Import.error),
        on_submit=Import.check,
        class_name="stack",
    )


def checked() -> rx.Component:
    counts: Any = Import.counts
    useful = counts["add"] + counts["change"]
    return rx.fragment(
        rx.el.p(
            pill(t(texts.WILL_ADD, number=number(counts["add"])), "ok"),
            rx.cond(counts["change"] > 0, pill(t(texts.WILL_CHANGE, number=number(counts["change"])), "busy")),
            rx.cond(counts["keep"] > 0, pill(t(texts.WILL_KEEP, number=number(counts["keep"])))),
            rx.cond(counts["refuse"] > 0, pill(t(texts.WILL_REFUSE, number=number(counts["refuse"])), "bad")),
            class_name="row tight",
            role="status",
        ),
        rx.el.ul(rx.foreach(Import.lines, line_view), class_name="lines", tab_index=0),
        rx.cond(
            Import.total > MOST_LINES,
            rx.el.p(t(texts.SHOWN_LINES, number=MOST_LINES), class_name="faint small"),
        ),
        foot(
            texts.IMPORT_NOW,
            cancel=texts.BACK,
            on_cancel=Import.back,
            error=Import.error,
            on_click=Import.run,
            disabled=useful == 0,
        ),
    )


def import_dialog() -> rx.Component:
    """The dialog, while it is open."""
    running = rx.el.p(icon("loader-circle"), t(texts.IMPORTING), class_name="row tight", role="status")
    return rx.cond(
        Import.step != "",
        dialog(
            texts.IMPORT,
            rx.match(Import.step, ("table", table_form()), ("checked", checked()), running),
            on_dismiss=Import.close_dialog,
            wide=True,
        ),
    )
