"""On a bot's page: the business accounts of Telegram that it is connected to, and which of them it may answer for."""

from __future__ import annotations

from dataclasses import dataclass

import reflex as rx

from chatai.core.actor import Actor
from chatai.core.errors import Forbidden, NotFound
from chatai.domains.channels import business
from chatai.web.shared.elements import button, dialog, note, pill
from chatai.web.shared.guard import handler, route_id, unit
from chatai.web.shared.i18n import t
from chatai.web.shared.parts import Ticker
from chatai.web.shared.texts import bots as texts
from chatai.web.shared.texts import common

REFRESH_MS = 3000


@dataclass
class Account:
    """A business account that the bot is connected to. `number`: Telegram's, of its owner; `known_as`: what tells the
    owner from namesakes; `standing`: waits (to be allowed), answers, mute (it may not write) or gone."""

    number: str
    name: str
    known_as: str
    standing: str
    allowed: bool


class Accounts(rx.State):
    """Those of the bot whose page is open. `asked`: the number of the one that is about to be allowed."""

    rows: list[Account] = []  # noqa: RUF012  Reflex copies it for each browser
    asked: str = ""
    _bot: str = ""

    @handler
    async def enter(self, actor: Actor) -> None:
        """The page is opened, or has its connection back: nothing of another bot stays."""
        bot = str(getattr(self, "bot_id", ""))
        if self._bot != bot:
            self.reset()
            self._bot = bot
        await self._load(actor)

    @handler
    async def load(self, actor: Actor) -> None:
        """Also called every few seconds while the page is looked at."""
        await self._load(actor)

    async def _load(self, actor: Actor) -> None:
        try:
            bot_id = route_id(self, "bot_id")
        except NotFound:  # the page says so
            return
        try:
            async with unit(actor) as uow:
                rows = [account_of(one) for one in await business.list_connections(uow, actor, bot_id)]
        except Forbidden:  # the page says so
            self.reset()
            return
        if rows != self.rows:  # what is set is sent to the browser
            self.rows = rows

    @handler
    async def ask(self, actor: Actor, number: str) -> None:
        self.asked = number

    @handler
    async def dismiss(self, actor: Actor) -> None:
        self.asked = ""

    @handler
    async def allow(self, actor: Actor) -> None:
        await self._allow(actor, self.asked, True)

    @handler
    async def stop(self, actor: Actor, number: str) -> None:
        await self._allow(actor, number, False)

    async def _allow(self, actor: Actor, number: str, allowed: bool) -> None:
        self.asked = ""
        if number in {one.number for one in self.rows}:
            async with unit(actor) as uow:
                await business.allow(uow, actor, route_id(self, "bot_id"), int(number), allowed)
        await self._load(actor)


def account_of(one: business.Connection) -> Account:
    standing = "answers" if one.can_reply else "mute"
    if not one.enabled:
        standing = "gone"
    elif not one.allowed:
        standing = "waits"
    known_as = f"@{one.username}" if one.username else f"ID {one.account_id}"
    return Account(str(one.account_id), one.name, known_as, standing, one.allowed)


def accounts() -> rx.Component:
    """Nothing where there is none."""

    def line(account: rx.Var[Account]) -> rx.Component:
        standing = rx.match(
            account.standing,
            ("answers", pill(t(texts.BUSINESS_ANSWERS), "ok")),
            ("waits", pill(t(texts.BUSINESS_WAITS), "warn")),
            ("mute", pill(t(texts.BUSINESS_MUTE), "warn")),
            pill(t(texts.BUSINESS_GONE)),
        )
        who = rx.el.div(
            rx.el.div(rx.el.span(account.name, class_name="break"), " ", standing),
            rx.el.span(account.known_as, class_name="muted small break"),
            class_name="grow",
        )
        choice = rx.cond(
            account.allowed,
            button(texts.BUSINESS_STOP, kind="ghost", small=True, on_click=Accounts.stop(account.number)),
            button(texts.BUSINESS_ALLOW, small=True, on_click=Accounts.ask(account.number)),
        )
        return rx.el.li(who, choice, class_name="row tight")

    head = rx.el.div(
        rx.el.h2(t(texts.BUSINESS)), rx.el.p(t(texts.BUSINESS_HINT), class_name="muted small"), class_name="stack tight"
    )
    listed = rx.el.ul(rx.foreach(Accounts.rows, line), class_name="stack tight")
    return rx.fragment(
        rx.cond(Accounts.rows.length() > 0, rx.el.section(head, listed, class_name="card pad stack")),
        Ticker.create(interval=REFRESH_MS, on_tick=Accounts.load),
    )


def account_dialog() -> rx.Component:
    """Before the bot answers for an account."""

    def named(account: rx.Var[Account]) -> rx.Component:
        return rx.cond(account.number == Accounts.asked, note(f"{account.name} · {account.known_as}"))

    asked = dialog(
        texts.BUSINESS_ALLOW_TITLE,
        rx.el.p(t(texts.BUSINESS_ALLOW_TEXT), class_name="muted"),
        rx.foreach(Accounts.rows, named),
        rx.el.div(
            button(common.CANCEL, on_click=Accounts.dismiss),
            button(texts.BUSINESS_ALLOW, kind="primary", on_click=Accounts.allow),
            class_name="row end",
        ),
        on_dismiss=Accounts.dismiss,
    )
    return rx.cond(Accounts.asked != "", asked)
