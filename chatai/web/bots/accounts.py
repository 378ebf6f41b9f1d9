"""On a bot's page: the business accounts of Telegram that it answers for."""

from __future__ import annotations

import reflex as rx

from chatai.web.bots.one import Account, OneBot
from chatai.web.shared.elements import pill
from chatai.web.shared.i18n import t
from chatai.web.shared.texts import bots as texts


def accounts() -> rx.Component:
    """Nothing where there is none."""

    def line(account: rx.Var[Account]) -> rx.Component:
        standing = rx.match(
            account.standing,
            ("answers", pill(t(texts.BUSINESS_ANSWERS), "ok")),
            ("mute", pill(t(texts.BUSINESS_MUTE), "warn")),
            pill(t(texts.BUSINESS_GONE)),
        )
        return rx.el.li(rx.el.span(account.name, class_name="break"), " ", standing)

    head = rx.el.div(
        rx.el.h2(t(texts.BUSINESS)), rx.el.p(t(texts.BUSINESS_HINT), class_name="muted small"), class_name="stack tight"
    )
    listed = rx.el.ul(rx.foreach(OneBot.accounts, line), class_name="stack tight")
    return rx.cond(OneBot.accounts.length() > 0, rx.el.section(head, listed, class_name="card pad stack"))
