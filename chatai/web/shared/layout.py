"""Frames of pages: the shell of the application, and the narrow one of logging in."""

from __future__ import annotations

from typing import Any, Literal

import reflex as rx
from reflex.style import resolved_color_mode, toggle_color_mode
from reflex_components_core.core.banner import has_too_many_connection_errors

from chatai.core.actor import Actor, Role
from chatai.core.i18n import LANGUAGES, Language, language_of
from chatai.domains.accounts import service as accounts
from chatai.web.shared.elements import icon, icon_button, link, tile
from chatai.web.shared.guard import Notices, handler, unit
from chatai.web.shared.i18n import Preferences, t
from chatai.web.shared.parts import Ticker
from chatai.web.shared.texts import common, entry

Section = Literal["assistants", "bots", "conversations", "account", ""]
SECTIONS = (
    ("assistants", "/", "messages-square", common.ASSISTANTS),
    ("bots", "/bots", "bot", common.BOTS_PAGE),
    ("conversations", "/conversations", "inbox", common.CONVERSATIONS),
    ("account", "/account", "user-round", common.ACCOUNT),
)


NOTICE_MS = 6_000  # good news goes by itself; bad news stays until it is read


class Session(rx.State):
    """Who is logged in, as the shell shows them. `rules`: an admin of the whole installation."""

    name: str = ""
    email: str = ""
    workspace: str = ""
    rules: bool = False

    @rx.var
    def initial(self) -> str:
        return self.name[:1].upper()

    @handler
    async def enter(self, actor: Actor) -> None:
        """First thing on every page of the application: without a log-in it leads to the log-in page."""
        async with unit(actor) as uow:
            account = await accounts.get_account(uow, actor)
        self.name, self.email, self.workspace = account.name, account.email, account.workspace_name
        self.rules = actor.installation_role.covers(Role.ADMIN)

    @handler(public=True)
    async def choose_language(self, actor: Actor | None, language: str) -> None:
        """Switches this browser's language, and keeps it with the account of who is logged in."""
        chosen = language_of(language)
        preferences = await self.get_state(Preferences)
        preferences.language = chosen
        if actor:
            async with unit(actor) as uow:
                account = await accounts.get_account(uow, actor)
                await accounts.update_profile(uow, actor, name=account.name, language=chosen)


def language_switch() -> rx.Component:
    names: dict[Language, str] = {"en": "EN", "ru": "RU"}
    return rx.el.div(
        *[
            rx.el.button(
                names[language],
                type="button",
                lang=language,
                aria_pressed=rx.cond(Preferences.language == language, "true", "false"),
                on_click=Session.choose_language(language),
            )
            for language in LANGUAGES
        ],
        class_name="switch",
        role="group",
        aria_label=t(common.LANGUAGE),
    )


def theme_button() -> rx.Component:
    label = rx.cond(resolved_color_mode == "dark", t(common.TO_LIGHT), t(common.TO_DARK))
    return rx.el.button(
        rx.cond(resolved_color_mode == "dark", icon("sun", 17), icon("moon", 17)),
        type="button",
        class_name="btn icon ghost small",
        aria_label=label,
        title=label,
        on_click=toggle_color_mode,
    )


def brand() -> rx.Component:
    return link(rx.el.img(src="/logo.svg", alt="", width="30", height="30"), "ChatAI", to="/", class_name="brand")


def notice() -> rx.Component:
    """The notice at the foot of the page, and the strip that says that the connection is gone."""
    return rx.fragment(
        rx.cond(
            Notices.text,
            rx.el.div(
                rx.el.span(Notices.text),
                icon_button("x", common.CLOSE, on_click=Notices.dismiss(Notices.shown)),
                rx.cond(
                    Notices.kind != "bad",
                    Ticker.create(interval=NOTICE_MS, on_tick=Notices.dismiss(Notices.shown), key=Notices.shown),
                ),
                class_name=rx.Var.create(f"toast {Notices.kind}"),
                role=rx.cond(Notices.kind == "bad", "alert", "status"),
            ),
        ),
        rx.cond(has_too_many_connection_errors, rx.el.div(t(common.OFFLINE), class_name="offline", role="status")),
    )


def frame(*content: Any, **props: Any) -> rx.Component:
    """The outermost element: it tells style sheet and screen readers the language that is shown."""
    return rx.el.div(
        *content, notice(), lang=Preferences.language, custom_attrs={"data-lang": Preferences.language}, **props
    )


def shell(active: Section, *content: Any, narrow: bool = False, wide: bool = False) -> rx.Component:
    """A page of the application."""
    links = [
        link(icon(sign), rx.el.span(t(label)), to=address, aria_current="page" if name == active else None)
        for name, address, sign, label in SECTIONS
    ]
    who = link(
        tile(Session.initial, names="round"),
        rx.el.span(
            rx.el.span(Session.name, class_name="clip", style={"display": "block", "fontWeight": "560"}),
            rx.el.span(Session.email, class_name="clip faint small", style={"display": "block"}),
            class_name="grow",
        ),
        to="/account",
        class_name="who",
    )
    return frame(
        rx.el.a(t(common.SKIP), href="#content", class_name="skip"),
        rx.el.div(
            rx.el.div(
                brand(), rx.el.div(language_switch(), theme_button(), class_name="row tight"), class_name="topbar"
            ),
            rx.el.aside(
                brand(),
                rx.el.nav(*links, class_name="nav", aria_label=t(common.MAIN_NAVIGATION)),
                rx.el.div(
                    rx.el.div(language_switch(), theme_button(), class_name="row between"), who, class_name="foot"
                ),
                class_name="side",
            ),
            rx.el.main(
                rx.el.div(*content, class_name="page narrow" if narrow else "page broad" if wide else "page"),
                id="content",
                class_name="main",
            ),
            class_name="shell",
        ),
    )


def entry_frame(*content: Any) -> rx.Component:
    """A page for people who are not logged in: the form on one side, what ChatAI is on the other."""
    sample = rx.el.div(
        rx.el.p(t(entry.PITCH_ASKED), class_name="bubble asked"),
        rx.el.div(
            t(entry.PITCH_ANSWER),
            rx.el.div(rx.el.span(icon("file-text", 14), t(entry.PITCH_SOURCE), class_name="source")),
            class_name="bubble",
        ),
        class_name="sample",
    )
    points = rx.el.ul(
        *[rx.el.li(icon("check", 17), t(point), class_name="row tight") for point in entry.PITCH_POINTS],
        class_name="stack tight",
    )
    return frame(
        rx.el.div(
            rx.el.div(
                rx.el.div(
                    brand(),
                    rx.el.div(language_switch(), theme_button(), class_name="row tight"),
                    class_name="row between",
                ),
                rx.el.main(*content, class_name="box"),
                class_name="form",
            ),
            rx.el.aside(rx.el.h2(t(entry.PITCH)), sample, points, class_name="pitch"),
            class_name="entry",
        )
    )
