"""The workspace's bots: the table, and connecting one by its token."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import reflex as rx

from chatai.core.actor import Actor
from chatai.core.errors import ChatAIError
from chatai.domains.assistants import service as assistants
from chatai.domains.channels import overview
from chatai.domains.channels import service as channels
from chatai.domains.channels.schemas import BotPage, BotQuery, DesiredState
from chatai.web.bots import importing, table_parts
from chatai.web.bots.table import BotTable
from chatai.web.bots.token import token_field
from chatai.web.shared.elements import (
    button,
    confirm,
    dialog,
    empty,
    field,
    foot,
    link_button,
    note,
    page_head,
    select,
)
from chatai.web.shared.guard import handler, identifier, language_for, tell, tell_failure, unit
from chatai.web.shared.i18n import count
from chatai.web.shared.layout import Session, shell
from chatai.web.shared.texts import bots as texts
from chatai.web.shared.texts import channels as channel_texts
from chatai.web.shared.texts import common

LONGEST_ADDING_SECONDS = 60


@dataclass
class Choice:
    """An assistant to choose."""

    id: str
    name: str


class Bots(BotTable, rx.State):
    """The bots of the workspace."""

    async def _fetch(self, actor: Actor, query: BotQuery) -> BotPage:
        async with unit(actor) as uow:
            return await overview.list_page(uow, actor, query)

    async def _every(self, actor: Actor, query: BotQuery) -> list[UUID]:
        async with unit(actor) as uow:
            return await overview.select_all(uow, actor, query)

    async def _want(self, actor: Actor, bot_ids: Sequence[UUID], desired: DesiredState) -> int:
        async with unit(actor) as uow:
            if desired == "running":
                return await channels.start_bots(uow, actor, bot_ids)
            return await channels.stop_bots(uow, actor, bot_ids)

    @handler
    async def delete_chosen(self, actor: Actor) -> None:
        async with unit(actor) as uow:
            done = await channels.delete_bots(uow, actor, [identifier(one) for one in self.selected])
        await self._done(actor, texts.REMOVED.of(await language_for(self), number=done))


class Adding(rx.State):
    """The dialog that connects one bot. `choices` serve the import too."""

    choices: list[Choice] = []  # noqa: RUF012  Reflex copies it for each browser
    shown: bool = False
    busy: bool = False
    error: str = ""
    _busy_since: float = 0.0
    _opened: int = 0

    @handler
    async def load(self, actor: Actor) -> None:
        async with unit(actor) as uow:
            names = await assistants.names(uow)
        listed = sorted(names.items(), key=lambda item: item[1].casefold())
        self.choices = [Choice(str(key), name) for key, name in listed]

    @handler
    async def open_dialog(self, actor: Actor) -> None:
        self.shown, self.error = True, ""
        self._opened += 1

    @handler
    async def close_dialog(self, actor: Actor) -> None:
        self.shown = False

    async def _stands(self, opened: int) -> bool:
        """Whether the dialog stands open still that was opened as that many-th."""
        async with self:
            return self.shown and self._opened == opened

    @handler(background=True, error="error")
    async def add(self, actor: Actor, form: dict[str, Any]) -> Any:
        """In the background, for Telegram is asked meanwhile."""
        async with self:
            if self.busy and time.time() - self._busy_since < LONGEST_ADDING_SECONDS:
                return None
            self.error, self.busy, self._busy_since, opened = "", True, time.time(), self._opened
        try:
            assistant_id = identifier(str(form.get("assistant", "")))
            known = await channels.check_token(actor, str(form.get("token", "")))
            async with unit(actor) as uow:
                await channels.add_bot(uow, actor, assistant_id, known)
        except ChatAIError as failure:
            if await self._stands(opened):
                raise
            async with self:
                await tell_failure(self, failure)
            return None
        finally:
            async with self:
                self.busy = False
        if await self._stands(opened):
            async with self:
                self.shown = False
        async with self:
            await tell(self, channel_texts.ADDED.of(await language_for(self)))
        return Bots.load


def choose_assistant(name: str, *first: rx.Component) -> rx.Component:
    return select(name, *first, rx.foreach(Adding.choices, lambda choice: rx.el.option(choice.name, value=choice.id)))


def add_dialog() -> rx.Component:
    form = rx.el.form(
        token_field(),
        field(texts.ASSISTANT, choose_assistant("assistant"), name="assistant", hint=texts.WHICH_ASSISTANT),
        foot(texts.ADD, on_cancel=Adding.close_dialog, error=Adding.error, disabled=Adding.busy),
        on_submit=Adding.add,
        class_name="stack",
    )
    none = rx.fragment(note(texts.NO_ASSISTANT), link_button(common.TO_ASSISTANTS, "/", kind="primary"))
    return dialog(texts.ADD, rx.cond(Adding.choices, form, none), on_dismiss=Adding.close_dialog)


def page() -> rx.Component:
    add = button(texts.ADD, kind="primary", icon_name="plus", on_click=Adding.open_dialog)
    bring = button(texts.IMPORT, icon_name="table-2", on_click=importing.Import.open_dialog)
    remove = button(texts.DELETE, kind="bad-ghost", icon_name="trash-2", small=True, on_click=Bots.ask("delete"))
    return shell(
        "bots",
        page_head(
            texts.TITLE,
            rx.cond(Session.rules, link_button(texts.ALL_LINK, "/admin/bots", kind="ghost", icon_name="globe")),
            bring,
            add,
            lead=texts.LEAD,
        ),
        table_parts.whole(Bots, everywhere=False, empty=empty("bot", texts.EMPTY_TITLE, texts.EMPTY), more=(remove,)),
        rx.cond(
            Bots.asking == "delete",
            confirm(
                texts.DELETE_TITLE,
                texts.DELETE_MANY,
                action=texts.DELETE,
                on_confirm=Bots.delete_chosen,
                on_dismiss=Bots.dismiss,
                extra=note(count(texts.NUMBER, Bots.selected.length())),
            ),
        ),
        rx.cond(Adding.shown, add_dialog()),
        importing.import_dialog(choose_assistant, Bots.load),
        wide=True,
    )


ON_LOAD = [Session.enter, Bots.load, Adding.load]
