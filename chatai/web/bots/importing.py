"""The dialog that connects many bots from a table: paste or choose a file, look at what will happen, watch, report."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import reflex as rx

from chatai.core.actor import Actor
from chatai.core.crypto import DecryptionError
from chatai.core.database import get_database
from chatai.core.errors import ChatAIError
from chatai.domains.channels import importing, service
from chatai.domains.channels.errors import ImportEmpty
from chatai.domains.channels.importing import Line, Result
from chatai.web.shared.elements import bar, button, dialog, field, foot, icon, pill
from chatai.web.shared.guard import handler, identifier, language_for, unit
from chatai.web.shared.i18n import is_russian, number, t
from chatai.web.shared.parts import TableInput
from chatai.web.shared.texts import bots as texts

LARGEST_BYTES = 700_000  # of the table; one event of the page may have a million
TELL_SECONDS = 0.5
SILENT_SECONDS = 120  # an import of which nothing was heard for so long died with its process


@dataclass
class Item:
    """One line of the table: before the import what will become of it, afterwards what has."""

    number: int
    bot: str
    assistant: str
    kind: str
    text_en: str
    text_ru: str


class Import(rx.State):
    """The import under way. `step`: empty (closed), table, checked, running or done.

    The table holds tokens, so that between two steps it is kept encrypted.
    """

    step: str = ""
    items: list[Item] = []  # noqa: RUF012  Reflex copies it for each browser
    good: int = 0
    bad: int = 0
    done: int = 0
    error: str = ""
    stopping: bool = False
    _sealed: str = ""
    _default: str = ""
    _report: str = ""
    _heard_at: float = 0.0

    @handler
    async def open_dialog(self, actor: Actor) -> None:
        """An import that runs is shown again."""
        if self.step == "running" and time.time() - self._heard_at < SILENT_SECONDS:
            return
        self._begin("table")

    @handler
    async def close_dialog(self, actor: Actor) -> None:
        if self.step != "running" or time.time() - self._heard_at > SILENT_SECONDS:
            self._begin("")

    def _begin(self, step: str) -> None:
        self.step, self.items, self.error, self._sealed, self._report = step, [], "", "", ""
        self.good = self.bad = self.done = 0

    @handler
    async def back(self, actor: Actor) -> None:
        self._begin("table")

    @handler(error="error")
    async def check(self, actor: Actor, form: dict[str, Any]) -> None:
        """Reads the table and says what would happen."""
        self.error = ""
        table = str(form.get("table", ""))[:LARGEST_BYTES]
        self._default = str(form.get("default_assistant", ""))
        lines = await look_at(actor, table, self._default)
        self._sealed = service.vault().encrypt(table)
        self.items = [item_of(line) for line in lines]
        self.good = sum(line.problem is None for line in lines)
        self.bad = len(lines) - self.good
        self.items.sort(key=lambda item: item.kind != "bad")
        self.step = "checked"

    @handler(background=True, error="error")
    async def run(self, actor: Actor) -> Any:
        """Connects the lines, in the background; the page hears of it twice a second."""
        async with self:
            if self.step != "checked":
                return None
            self.step, self.done, self.stopping, self._heard_at = "running", 0, False, time.time()
            sealed, default = self._sealed, self._default
        try:
            lines = await look_at(actor, opened(sealed), default)
        except ChatAIError:
            async with self:
                self._begin("table")
            raise
        results: list[Result] = []
        halt = asyncio.Event()
        work = asyncio.create_task(importing.run(get_database(), actor, lines, results.append, halt.is_set))
        while not work.done():
            await asyncio.wait({work}, timeout=TELL_SECONDS)
            async with self:
                self.done, self._heard_at = len(results), time.time()
                if self.stopping:
                    halt.set()
        async with self:
            language = await language_for(self)
            self._report, self._sealed = importing.report(results, language), ""
            self.items = [outcome_of(result) for result in sorted(results, key=lambda one: one.line.number)]
            self.items.sort(key=lambda item: item.kind == "ok")
            self.good = sum(result.bot_id is not None for result in results)
            self.bad = len(results) - self.good
            self.step = "done"
        work.result()
        return None

    @handler
    async def stop(self, actor: Actor) -> None:
        self.stopping = True

    @handler
    async def download(self, actor: Actor) -> Any:
        if self._report:
            return rx.download(data=self._report.encode(), filename="bots.csv")
        return None


async def look_at(actor: Actor, table: str, default: str) -> list[Line]:
    """Reads a table. `default`: the assistant of lines that name none, or empty."""
    rows = importing.parse(table)
    async with unit(actor) as uow:
        return await importing.plan(uow, actor, rows, identifier(default) if default else None)


def opened(sealed: str) -> str:
    """The table again. Raises: ImportEmpty: the secret key was changed meanwhile."""
    try:
        return service.vault().decrypt(sealed)
    except DecryptionError:
        raise ImportEmpty from None


def item_of(line: Line) -> Item:
    kind = "bad" if line.problem else ""
    return _item(line, kind, line.problem)


def outcome_of(result: Result) -> Item:
    kind = "bad" if result.bot_id is None else "warn" if result.remark else "ok"
    return _item(result.line, kind, result.problem or result.remark, result.username)


def _item(line: Line, kind: str, reason: ChatAIError | None, username: str = "") -> Item:
    words = {"en": "", "ru": ""}
    if reason is not None:
        words = {"en": reason.sentence("en"), "ru": reason.sentence("ru")}
    bot = f"@{username}" if username else line.bot
    return Item(line.number, bot, line.assistant[:100], kind, words["en"], words["ru"])


def item_line(item: rx.Var[Item]) -> rx.Component:
    sign = rx.match(
        item.kind,
        ("bad", pill(rx.cond(is_russian(), item.text_ru, item.text_en), "bad")),
        ("warn", pill(rx.cond(is_russian(), item.text_ru, item.text_en), "warn")),
        ("ok", pill(texts.READY, "ok")),
        pill(texts.READY),
    )
    return rx.el.li(
        rx.el.span(t(texts.LINE, number=item.number), class_name="faint small"),
        rx.el.span(item.bot, class_name="clip"),
        rx.el.span(item.assistant, class_name="clip muted small"),
        sign,
    )


def outcome() -> rx.Component:
    return rx.el.ul(rx.foreach(Import.items, item_line), class_name="lines", tab_index=0)


def table_form(choose: Callable[..., rx.Component]) -> rx.Component:
    labels = {"pick": t(texts.CHOOSE_FILE), "tooLarge": t(texts.TABLE_TOO_LARGE)}
    example = "token,assistant,name\n123456789:AAE…,…,…"
    return rx.el.form(
        rx.el.p(t(texts.IMPORT_LEAD), class_name="muted"),
        field(
            texts.TABLE,
            TableInput.create(name="table", placeholder=example, max_bytes=LARGEST_BYTES, texts=labels),
            name="table",
        ),
        field(
            texts.DEFAULT_ASSISTANT,
            choose("default_assistant", rx.el.option(t(texts.NONE), value="")),
            name="default_assistant",
        ),
        foot(texts.CHECK, on_cancel=Import.close_dialog, error=Import.error),
        on_submit=Import.check,
        class_name="stack",
    )


def checked() -> rx.Component:
    return rx.fragment(
        rx.el.p(
            pill(t(texts.CAN_CONNECT, number=number(Import.good)), "ok"),
            rx.cond(Import.bad > 0, pill(t(texts.CANNOT, number=number(Import.bad)), "bad")),
            class_name="row tight",
        ),
        outcome(),
        rx.el.p(t(texts.CHECKED_HINT), class_name="faint small"),
        foot(
            texts.CONNECT_ALL,
            cancel=texts.BACK,
            on_cancel=Import.back,
            error=Import.error,
            on_click=Import.run,
            disabled=Import.good == 0,
        ),
    )


def running() -> rx.Component:
    everything = Import.good + Import.bad
    label = t(texts.IMPORTING, done=number(Import.done), all=number(everything))
    return rx.fragment(
        rx.el.p(label, role="status"),
        bar((Import.done * 100 / everything).to(int), label),
        rx.el.div(button(texts.STOP_IMPORT, on_click=Import.stop, disabled=Import.stopping), class_name="row end"),
    )


def finished(reload: Any) -> rx.Component:
    return rx.fragment(
        rx.el.p(
            pill(t(texts.CONNECTED, number=number(Import.good)), "ok"),
            rx.cond(Import.bad > 0, pill(t(texts.NOT_CONNECTED, number=number(Import.bad)), "bad")),
            class_name="row tight",
        ),
        outcome(),
        rx.el.div(
            button(texts.REPORT, icon_name="download", on_click=Import.download),
            button(texts.DONE, kind="primary", on_click=[Import.close_dialog, reload]),
            class_name="row end",
        ),
    )


def import_dialog(choose: Callable[..., rx.Component], reload: Any) -> rx.Component:
    """The dialog, while it is open.

    Args:
        choose: Makes a choice of an assistant.
        reload: The handler that fills the table behind the dialog anew.
    """
    return rx.cond(
        Import.step != "",
        dialog(
            texts.IMPORT,
            rx.match(
                Import.step,
                ("table", table_form(choose)),
                ("checked", checked()),
                ("running", running()),
                ("done", finished(reload)),
                icon("loader-circle"),
            ),
            on_dismiss=Import.close_dialog,
            waits=True,
            wide=True,
        ),
    )
