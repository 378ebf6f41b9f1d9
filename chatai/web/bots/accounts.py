"""On a bot's page: the business accounts of Telegram that it is connected to, and which of them it may answer for."""

from __future__ import annotations

import reflex as rx

from chatai.web.bots.one import Account, OneBot
from chatai.web.shared.elements import button, dialog, note, pill
from chatai.web.shared.i18n import t
from chatai.web.shared.texts import bots as texts
from chatai.web.shared.texts import common


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
            button(texts.BUSINESS_STOP, kind="ghost", small=True, on_click=OneBot.stop_account(account.number)),
            button(texts.BUSINESS_ALLOW, small=True, on_click=OneBot.ask_account(account.number)),
        )
        return rx.el.li(who, choice, class_name="row tight")

    head = rx.el.div(
        rx.el.h2(t(texts.BUSINESS)), rx.el.p(t(texts.BUSINESS_HINT), class_name="muted small"), class_name="stack tight"
    )
    listed = rx.el.ul(rx.foreach(OneBot.accounts, line), class_name="stack tight")
    return rx.cond(OneBot.accounts.length() > 0, rx.el.section(head, listed, class_name="card pad stack"))


def account_dialog() -> rx.Component:
    """Before the bot answers for an account."""

    def named(account: rx.Var[Account]) -> rx.Component:
        return rx.cond(account.number == OneBot.account_asked, note(f"{account.name} · {account.known_as}"))

    asked = dialog(
        texts.BUSINESS_ALLOW_TITLE,
        rx.el.p(t(texts.BUSINESS_ALLOW_TEXT), class_name="muted"),
        rx.foreach(OneBot.accounts, named),
        rx.el.div(
            button(common.CANCEL, on_click=OneBot.dismiss),
            button(texts.BUSINESS_ALLOW, kind="primary", on_click=OneBot.allow_account),
            class_name="row end",
        ),
        on_dismiss=OneBot.dismiss,
    )
    return rx.cond(OneBot.asking == "account", asked)
