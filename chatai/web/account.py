"""A person's own account: name, language, appearance, password, where they are logged in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import reflex as rx
from reflex.style import color_mode, set_color_mode

from chatai.core.actor import Actor
from chatai.core.errors import NotFound
from chatai.core.rate_limits import allow
from chatai.domains.accounts import service as accounts
from chatai.domains.accounts.errors import TooManyAttempts
from chatai.domains.accounts.passwords import password_turn
from chatai.web.shared.elements import button, card_head, field, icon, note, page_head, pill, skeleton, text_input, tile
from chatai.web.shared.guard import handler, language_for, tell, unit
from chatai.web.shared.i18n import t, when
from chatai.web.shared.layout import Session, language_switch, shell
from chatai.web.shared.parts import PlainForm
from chatai.web.shared.texts import account as texts
from chatai.web.shared.texts import common, entry

TRIES = "10/5 minutes"  # whoever found an open browser must not guess its owner's password here
BROWSERS = (
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("YaBrowser/", "Yandex"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)


@dataclass
class LogInRow:
    """One log-in in the list."""

    id: str
    device: str
    address: str
    seen_at: str
    is_current: bool


class Account(rx.State):
    """The account page."""

    name: str = ""
    email: str = ""
    log_ins: list[LogInRow] = []  # noqa: RUF012  Reflex copies it for each browser
    loaded: bool = False
    name_error: str = ""
    password_error: str = ""
    password_changes: int = 0

    @handler
    async def load(self, actor: Actor) -> None:
        await self._load(actor)
        self.name_error = self.password_error = ""

    async def _load(self, actor: Actor) -> None:
        async with unit(actor) as uow:
            account = await accounts.get_account(uow, actor)
            sessions = await accounts.list_sessions(uow, actor)
        self.name, self.email, self.loaded = account.name, account.email, True
        self.log_ins = [
            LogInRow(
                id=str(item.id),
                device=device_of(item.user_agent),
                address=item.address,
                seen_at=item.last_seen_at.isoformat(),
                is_current=item.is_current,
            )
            for item in sessions
        ]

    @handler(error="name_error")
    async def rename(self, actor: Actor, form: dict[str, Any]) -> Any:
        self.name_error = ""
        language = await language_for(self)
        async with unit(actor) as uow:
            await accounts.update_profile(uow, actor, name=str(form.get("name", "")), language=language)
        await tell(self, common.SAVED.of(language))
        return Session.enter

    @handler(error="password_error")
    async def change_password(self, actor: Actor, form: dict[str, Any]) -> None:
        self.password_error = ""
        if not await allow(TRIES, "password-change", str(actor.account_id)):
            raise TooManyAttempts
        async with password_turn, unit(actor) as uow:
            await accounts.change_password(uow, actor, str(form.get("current", "")), str(form.get("fresh", "")))
        self.password_changes += 1  # the form starts anew, empty
        await self._load(actor)
        await tell(self, texts.CHANGED.of(await language_for(self)))

    @handler
    async def revoke(self, actor: Actor, session_id: str) -> None:
        try:
            chosen = UUID(session_id)
        except ValueError:
            raise NotFound from None
        async with unit(actor) as uow:
            await accounts.revoke_session(uow, actor, chosen)
        await self._load(actor)
        await tell(self, texts.REVOKED.of(await language_for(self)))


def device_of(user_agent: str) -> str:
    """`Firefox, Windows` of a browser's self-description; empty if it says nothing known."""
    parts = [next((name for mark, name in known if mark in user_agent), "") for known in (BROWSERS, SYSTEMS)]
    return ", ".join(filter(None, parts))


def profile() -> rx.Component:
    return rx.el.form(
        rx.el.h2(t(texts.PROFILE)),
        field(
            texts.NAME,
            text_input(
                "name",
                default_value=Account.name,
                key=Account.name,
                required=True,
                max_length=100,
                auto_complete="name",
            ),
            name="name",
        ),
        field(texts.EMAIL, text_input("shown_email", value=Account.email, read_only=True), name="shown_email"),
        rx.cond(Account.name_error, note(Account.name_error, "bad")),
        rx.el.div(button(common.SAVE, kind="primary", type="submit"), class_name="row end"),
        on_submit=Account.rename,
        class_name="card pad stack",
    )


def look() -> rx.Component:
    modes = rx.el.div(
        *[
            rx.el.button(
                t(label),
                type="button",
                aria_pressed=rx.cond(color_mode == mode, "true", "false"),
                on_click=set_color_mode(mode),
            )
            for mode, label in (("system", common.SYSTEM), ("light", common.LIGHT), ("dark", common.DARK))
        ],
        class_name="switch",
        role="group",
        aria_label=t(common.THEME),
    )
    return rx.el.section(
        rx.el.h2(t(texts.LOOK)),
        rx.el.div(rx.el.span(t(common.LANGUAGE)), language_switch(), class_name="row between"),
        rx.el.div(rx.el.span(t(common.THEME)), modes, class_name="row between"),
        class_name="card pad stack",
    )


def password() -> rx.Component:
    return rx.el.form(
        rx.el.h2(t(texts.PASSWORD)),
        field(
            texts.CURRENT,
            text_input("current", type="password", required=True, auto_complete="current-password"),
            name="current",
        ),
        field(
            texts.NEW,
            text_input(
                "fresh", type="password", required=True, min_length=10, max_length=200, auto_complete="new-password"
            ),
            name="fresh",
            hint=entry.PASSWORD_HINT,
        ),
        rx.cond(Account.password_error, note(Account.password_error, "bad")),
        rx.el.div(button(texts.CHANGE, type="submit"), class_name="row end"),
        on_submit=Account.change_password,
        key=Account.password_changes.to_string(),
        class_name="card pad stack",
    )


def log_in_line(item: rx.Var[LogInRow]) -> rx.Component:
    return rx.el.li(
        tile(icon("monitor", 18), names="quiet"),
        rx.el.div(
            rx.el.span(rx.cond(item.device, item.device, t(texts.UNKNOWN_DEVICE)), style={"fontWeight": "560"}),
            rx.cond(item.address, rx.el.span(" · ", item.address, class_name="faint small")),
            rx.el.p(t(texts.LAST_SEEN, moment=when(item.seen_at)), class_name="faint small"),
            class_name="grow",
        ),
        rx.cond(
            item.is_current,
            pill(texts.THIS_DEVICE, "ok"),
            button(texts.REVOKE, small=True, on_click=Account.revoke(item.id)),
        ),
        class_name="item",
    )


def sessions() -> rx.Component:
    def leave(action: str, label: Any, **props: Any) -> rx.Component:
        return PlainForm.create(button(label, type="submit", **props), action=action, method="post")

    return rx.el.section(
        card_head(texts.SESSIONS),
        rx.el.ul(rx.foreach(Account.log_ins, log_in_line), class_name="list"),
        rx.el.div(
            leave("/api/auth/logout-everywhere", texts.EVERYWHERE, kind="bad-ghost"),
            leave("/api/auth/logout", common.LOG_OUT, icon_name="log-out"),
            class_name="row end pad-line",
        ),
        class_name="card",
    )


def page() -> rx.Component:
    return shell(
        "account",
        page_head(texts.TITLE),
        rx.cond(
            Account.loaded,
            rx.el.div(
                rx.el.div(profile(), look(), class_name="stack"),
                rx.el.div(password(), sessions(), class_name="stack"),
                class_name="two halves",
            ),
            skeleton(260, 140),
        ),
    )


ON_LOAD = [Session.enter, Account.load]
