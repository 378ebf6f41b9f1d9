"""An assistant's Telegram bots: connected by token, started, stopped, removed."""

from __future__ import annotations

import time
from typing import Any

import reflex as rx

from chatai.core.actor import Actor
from chatai.domains.channels import service as channels
from chatai.domains.channels.schemas import BotView
from chatai.web.assistants.one import Current, assistant_page
from chatai.web.bots.rows import BotRow, reason_line, run_buttons, state_pill, telegram_link, trouble_of
from chatai.web.bots.token import token_field
from chatai.web.shared.elements import (
    button,
    card_head,
    confirm,
    icon,
    icon_button,
    link,
    note,
    skeleton,
    tile,
)
from chatai.web.shared.guard import handler, identifier, language_for, place_of, route_id, tell, unit
from chatai.web.shared.i18n import t
from chatai.web.shared.layout import Session
from chatai.web.shared.parts import Ticker
from chatai.web.shared.texts import channels as texts

REFRESH_MS = 2000
LONGEST_ADDING_SECONDS = 60


class Channels(rx.State):
    """The bots of one assistant."""

    bots: list[BotRow] = []  # noqa: RUF012  Reflex copies it for each browser
    loaded_for: str = ""
    error: str = ""
    adding: bool = False
    added: int = 0
    removing: str = ""
    removing_name: str = ""
    _adding_since: float = 0.0

    @handler
    async def load(self, actor: Actor) -> None:
        """Also called every few seconds: a bot's state changes by itself."""
        await self._load(actor)

    def _let_go_of_dead(self) -> None:
        """What was adding a bot may have been killed with its process."""
        self.adding = self.adding and time.time() - self._adding_since < LONGEST_ADDING_SECONDS

    async def _load(self, actor: Actor) -> None:
        self._let_go_of_dead()
        assistant_id = route_id(self, "assistant_id")
        async with unit(actor) as uow:
            found = await channels.list_bots(uow, actor, assistant_id)
        self.bots, self.loaded_for = [row_of(item) for item in found], str(assistant_id)

    @handler(background=True, error="error")
    async def add(self, actor: Actor, form: dict[str, Any]) -> None:
        """In the background, for Telegram is asked meanwhile and may take its time."""
        async with self:
            self._let_go_of_dead()
            if self.adding:
                return
            self.error, self.adding, self._adding_since = "", True, time.time()
            assistant_id, place = route_id(self, "assistant_id"), place_of(self)
        try:
            known = await channels.check_token(actor, str(form.get("token", "")))
            async with unit(actor) as uow:
                await channels.add_bot(uow, actor, assistant_id, known)
        finally:
            async with self:
                self.adding = False
        async with self:
            self.added += 1  # the form starts anew, without the token
            await tell(self, texts.ADDED.of(await language_for(self)))
            if place_of(self) == place:
                await self._load(actor)

    @handler
    async def start(self, actor: Actor, bot_id: str) -> None:
        async with unit(actor) as uow:
            await channels.start_bot(uow, actor, identifier(bot_id))
        await self._load(actor)

    @handler
    async def stop(self, actor: Actor, bot_id: str) -> None:
        async with unit(actor) as uow:
            await channels.stop_bot(uow, actor, identifier(bot_id))
        await self._load(actor)

    @handler
    async def ask_remove(self, actor: Actor, bot_id: str, name: str) -> None:
        self.removing, self.removing_name = bot_id, name

    @handler
    async def keep(self, actor: Actor) -> None:
        self.removing = ""

    @handler
    async def remove(self, actor: Actor) -> None:
        bot_id, self.removing = identifier(self.removing), ""
        async with unit(actor) as uow:
            await channels.delete_bot(uow, actor, bot_id)
        await self._load(actor)
        await tell(self, texts.DELETED.of(await language_for(self)))


def row_of(bot: BotView) -> BotRow:
    trouble = trouble_of(bot, bot.failed_post)
    return BotRow(
        id=str(bot.id),
        name=bot.name,
        username=bot.username,
        state=bot.state,
        wanted=bot.desired_state,
        reason_en=trouble.en,
        reason_ru=trouble.ru,
        unreachable=trouble.unreachable,
        last_error=bot.last_error,
    )


def bot_line(bot: rx.Var[BotRow]) -> rx.Component:
    return rx.el.li(
        tile(icon("send", 18), names="quiet"),
        rx.el.div(
            rx.el.div(link(bot.name, to=f"/bots/{bot.id}", class_name="strong"), class_name="clip-2"),
            telegram_link(bot),
            class_name="grow",
            style={"minWidth": "140px"},
        ),
        rx.el.div(
            state_pill(bot.state, bot.unreachable),
            run_buttons(bot, Channels.start, Channels.stop),
            icon_button("trash-2", texts.REMOVE, on_click=Channels.ask_remove(bot.id, bot.name)),
            class_name="row tight end",
        ),
        reason_line(bot, "whole"),
        class_name="item wrap",
    )


def add_form() -> rx.Component:
    steps = rx.el.ol(
        *[
            rx.el.li(
                tile(str(number), names="quiet step"), rx.el.span(t(step), class_name="grow"), class_name="row top"
            )
            for number, step in enumerate(texts.STEPS, start=1)
        ],
        class_name="stack tight",
    )
    return rx.el.section(
        rx.el.h2(t(texts.HOW)),
        steps,
        rx.el.div(
            rx.el.a(
                icon("external-link", 16),
                t(texts.OPEN_BOTFATHER),
                href="https://t.me/BotFather",
                target="_blank",
                rel="noopener noreferrer",
                class_name="btn plain small",
            )
        ),
        rx.el.form(
            token_field(),
            rx.cond(Channels.error, note(Channels.error, "bad")),
            rx.el.div(button(texts.ADD, kind="primary", type="submit", icon_name="plus", disabled=Channels.adding)),
            on_submit=Channels.add,
            key=Channels.added.to_string(),
            class_name="stack",
        ),
        class_name="card pad stack",
    )


def page() -> rx.Component:
    bots = rx.el.section(
        card_head(texts.TELEGRAM, texts.LEAD),
        rx.cond(
            Channels.bots,
            rx.el.ul(rx.foreach(Channels.bots, bot_line), class_name="list"),
            rx.el.p(t(texts.EMPTY), class_name="faint pad-head"),
        ),
        class_name="card",
    )
    return assistant_page(
        "channels",
        rx.cond(
            Channels.loaded_for == Current.id,
            rx.el.div(
                bots,
                add_form(),
                Ticker.create(interval=REFRESH_MS, on_tick=Channels.load),
                class_name="columns even",
            ),
            skeleton(220),
        ),
        rx.cond(
            Channels.removing,
            confirm(
                texts.DELETE_TITLE,
                texts.DELETE,
                action=texts.REMOVE,
                on_confirm=Channels.remove,
                on_dismiss=Channels.keep,
                extra=note(Channels.removing_name),
            ),
        ),
    )


ON_LOAD = [Session.enter, Current.load, Channels.load]
