"""Pages for people who are not logged in: log in, register, confirm the address, set a new password.

The forms are posted by the browser itself to `/api/auth/…`, which alone can set the HttpOnly cookie. What was wrong
comes back as `?error=code`.
"""

from __future__ import annotations

from typing import Any

import reflex as rx

from chatai.core.actor import Actor
from chatai.core.database import get_database
from chatai.core.errors import ChatAIError, sentence_for
from chatai.domains.accounts import service as accounts
from chatai.web.shared.elements import Label, button, field, link, link_button, note, said, text_input
from chatai.web.shared.guard import forget, handler
from chatai.web.shared.i18n import is_russian, t
from chatai.web.shared.layout import entry_frame
from chatai.web.shared.parts import PlainForm, ToldInput
from chatai.web.shared.texts import entry


def own_page(place: str) -> str:
    """The address if it is one of our own pages, else the first page."""
    # Browsers leave out tabs and line ends: "/\t/evil.example" would lead to another site.
    inside = place.startswith("/") and not place.startswith(("//", "/\\")) and place.isprintable()
    return place if inside else "/"


class Entry(rx.State):
    """What the address of an entry page says, made ready to show."""

    error_en: str = ""
    error_ru: str = ""
    email: str = ""
    next_page: str = "/"
    token: str = ""
    setup: str = ""
    done: str = ""

    @handler(public=True)
    async def read_address(self, actor: Actor | None) -> Any:
        """Takes over `error`, `email`, `next`, `token`, `setup` and `done` from the address of the page."""
        if actor is None:
            await forget(self)
        query = self.router.url.query_parameters
        code = query.get("error", "")
        self.error_en = sentence_for(code, "en") if code else ""
        self.error_ru = sentence_for(code, "ru") if code else ""
        self.email = query.get("email", "")
        self.token, self.setup, self.done = query.get("token", ""), query.get("setup", ""), query.get("done", "")
        self.next_page = own_page(query.get("next", "/"))
        if actor and not self.token and not self.setup:
            return rx.redirect(self.next_page)
        return None


class Confirmation(rx.State):
    """Confirming an address by the mailed link."""

    outcome: str = ""
    error_en: str = ""
    error_ru: str = ""
    seen: str = ""

    @handler(public=True)
    async def confirm(self, actor: Actor | None) -> None:
        """Uses the link's token. Coming back to the same page shows the same outcome: the token works only once."""
        token = self.router.url.query_parameters.get("token", "")
        if not token:
            self.outcome = "sent"
        elif token != self.seen:
            try:
                async with get_database().person() as uow:
                    await accounts.confirm(uow, token)
                self.outcome = "confirmed"
            except ChatAIError as failure:
                self.outcome, self.error_en, self.error_ru = "failed", failure.sentence("en"), failure.sentence("ru")
            self.seen = token


def heading(title: Label, lead: Label) -> rx.Component:
    return rx.el.div(rx.el.h1(said(title)), rx.el.p(said(lead), class_name="muted"), class_name="stack tight")


def problem() -> rx.Component:
    return rx.cond(Entry.error_en, note(rx.cond(is_russian(), Entry.error_ru, Entry.error_en), "bad"))


def email_field() -> rx.Component:
    control = ToldInput.create(name="email", type="email", auto_complete="username", told=Entry.email)
    return field(entry.EMAIL, control, name="email")


def password_field(label: Label, name: str = "password", *, fresh: bool = False) -> rx.Component:
    control = text_input(
        name,
        type="password",
        required=True,
        auto_complete="new-password" if fresh else "current-password",
        **({"min_length": 10, "max_length": 200} if fresh else {}),
    )
    return field(label, control, name=name, hint=entry.PASSWORD_HINT if fresh else "")


def hidden(name: str, value: Any) -> rx.Component:
    return rx.el.input(type="hidden", name=name, value=value, read_only=True)


def form(action: str, *content: Any) -> rx.Component:
    return PlainForm.create(*content, action=action, method="post", class_name="stack")


def login_page() -> rx.Component:
    return entry_frame(
        heading(entry.WELCOME, entry.WELCOME_LEAD),
        rx.cond(Entry.done == "reset", note(entry.RESET_DONE, "ok")),
        problem(),
        form(
            "/api/auth/login",
            hidden("next", Entry.next_page),
            email_field(),
            password_field(entry.PASSWORD),
            button(entry.LOG_IN, kind="primary", type="submit", block=True),
        ),
        rx.el.div(
            link(t(entry.FORGOTTEN), to="/reset"),
            rx.el.span(t(entry.NO_ACCOUNT), " ", link(t(entry.REGISTER), to="/register"), class_name="muted"),
            class_name="stack tight small",
        ),
    )


def register_page() -> rx.Component:
    return entry_frame(
        rx.cond(
            Entry.setup,
            heading(entry.REGISTER_TITLE, entry.SETUP_LEAD),
            heading(entry.REGISTER_TITLE, entry.REGISTER_LEAD),
        ),
        problem(),
        form(
            "/api/auth/register",
            hidden("setup", Entry.setup),
            field(entry.NAME, text_input("name", auto_complete="name", required=True, max_length=100), name="name"),
            email_field(),
            password_field(entry.PASSWORD, fresh=True),
            button(entry.REGISTER, kind="primary", type="submit", block=True),
        ),
        rx.el.p(t(entry.HAVE_ACCOUNT), " ", link(t(entry.LOG_IN), to="/login"), class_name="muted small"),
    )


def confirm_page() -> rx.Component:
    to_login = link_button(entry.LOG_IN, "/login", kind="primary")
    return entry_frame(
        rx.match(
            Confirmation.outcome,
            (
                "confirmed",
                rx.el.div(heading(entry.CONFIRMED_TITLE, entry.CONFIRMED_LEAD), to_login, class_name="stack"),
            ),
            (
                "failed",
                rx.el.div(
                    rx.el.h1(t(entry.CONFIRM_FAILED_TITLE)),
                    note(rx.cond(is_russian(), Confirmation.error_ru, Confirmation.error_en), "bad"),
                    to_login,
                    class_name="stack",
                ),
            ),
            (
                "sent",
                rx.el.div(
                    heading(entry.CONFIRM_TITLE, t(entry.CONFIRM_LEAD, email=Entry.email)),
                    link_button(entry.BACK_TO_LOGIN, "/login"),
                    class_name="stack",
                ),
            ),
            rx.fragment(),
        )
    )


def reset_page() -> rx.Component:
    request = rx.fragment(
        heading(entry.RESET_TITLE, entry.RESET_LEAD),
        problem(),
        form(
            "/api/auth/reset-request",
            email_field(),
            button(entry.RESET_SEND, kind="primary", type="submit", block=True),
        ),
    )
    fresh = rx.fragment(
        rx.el.h1(t(entry.RESET_TITLE)),
        problem(),
        form(
            "/api/auth/reset",
            hidden("token", Entry.token),
            password_field(entry.NEW_PASSWORD, fresh=True),
            button(entry.RESET_SAVE, kind="primary", type="submit", block=True),
        ),
    )
    sent = rx.fragment(rx.el.h1(t(entry.CONFIRM_TITLE)), note(entry.RESET_SENT, "ok"))
    return entry_frame(
        rx.cond(Entry.token, fresh, rx.cond(Entry.done == "sent", sent, request)),
        rx.el.p(link(t(entry.BACK_TO_LOGIN), to="/login"), class_name="small"),
    )
