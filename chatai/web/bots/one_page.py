"""The page of one bot."""

from __future__ import annotations

from typing import Any

import reflex as rx

from chatai.domains.channels import profile
from chatai.web.bots import watch_parts
from chatai.web.bots.accounts import Accounts, account_dialog, accounts
from chatai.web.bots.one import Aside, OneBot
from chatai.web.bots.token import token_field
from chatai.web.shared.elements import (
    button,
    confirm,
    crumbs,
    dialog,
    field,
    foot,
    icon_button,
    link,
    note,
    pill,
    select,
    text_area,
    text_input,
)
from chatai.web.shared.i18n import Text, number, t, when
from chatai.web.shared.layout import Session, shell
from chatai.web.shared.parts import Uploader
from chatai.web.shared.texts import bots as texts
from chatai.web.shared.texts import channels as channel_texts
from chatai.web.shared.texts import common
from chatai.web.shared.texts import knowledge as knowledge_texts


def header() -> rx.Component:
    actions = rx.el.div(
        watch_parts.run_buttons(OneBot),
        button(texts.CLONE, icon_name="copy", on_click=OneBot.ask("clone")),
        icon_button("trash-2", texts.DANGER, kind="bad-ghost", small=False, on_click=OneBot.ask("delete")),
        class_name="row tight",
    )
    assistant = link(OneBot.assistant, to=f"/assistants/{OneBot.assistant_id}")
    return rx.fragment(
        crumbs((texts.TITLE, "/bots"), (OneBot.name, f"/bots/{OneBot.id}")),
        rx.el.header(watch_parts.title(OneBot, assistant), actions, class_name="head"),
    )


def aside() -> rx.Component:
    def line(item: rx.Var[Aside]) -> rx.Component:
        return rx.el.li(
            rx.el.span(when(item.at), class_name="faint"),
            rx.el.span(
                t(texts.ATTEMPTS, number=item.attempts),
                " · ",
                item.error,
            ),
            icon_button("rotate-ccw", common.RETRY, on_click=OneBot.retry(item.update_id)),
            class_name="with-action",
        )

    return rx.cond(
        OneBot.aside_count > 0,
        rx.el.section(
            rx.el.div(
                rx.el.div(
                    rx.el.h2(t(texts.SET_ASIDE), " ", pill(number(OneBot.aside_count), "warn")),
                    rx.el.p(t(texts.SET_ASIDE_HINT), class_name="muted small"),
                    class_name="stack tight grow",
                ),
                button(texts.RETRY_ALL, small=True, on_click=OneBot.retry("")),
                button(texts.DISMISS_ALL, kind="bad-ghost", small=True, on_click=OneBot.ask("dismiss")),
                class_name="row pad-head",
            ),
            rx.el.ul(rx.foreach(OneBot.aside, line), class_name="log"),
            class_name="card",
        ),
    )


def receiving() -> rx.Component:
    mode = rx.match(OneBot.mode, *[(name, t(text)) for name, text in texts.MODES.items()], OneBot.mode)
    return watch_parts.card(
        texts.RECEIVING,
        rx.el.p(mode),
        rx.cond(OneBot.webhook_url, rx.el.p(OneBot.webhook_url, class_name="small muted break")),
        rx.cond(OneBot.pending > 0, rx.el.p(t(texts.AT_TELEGRAM, number=number(OneBot.pending)))),
        rx.cond(
            OneBot.webhook_error,
            note(
                rx.fragment(
                    rx.el.p(t(texts.WEBHOOK_ERROR), " ", OneBot.webhook_error),
                    rx.el.p(when(OneBot.webhook_error_at), class_name="small"),
                ),
                "warn",
            ),
        ),
        rx.el.p(t(texts.MODE_HINT), class_name="faint small"),
        rx.el.div(
            button(texts.LOOK, small=True, icon_name="refresh-cw", on_click=OneBot.look, disabled=OneBot.busy == "look")
        ),
    )


def token() -> rx.Component:
    return watch_parts.card(
        texts.TOKEN_TITLE,
        rx.el.form(
            token_field(texts.TOKEN_NEW),
            rx.cond(OneBot.token_error, note(OneBot.token_error, "bad")),
            rx.el.div(
                button(texts.TOKEN_SAVE, type="submit", disabled=OneBot.busy == "token"),
                rx.cond(OneBot.managed, button(texts.TOKEN_RENEW, kind="ghost", on_click=OneBot.ask("renew"))),
                class_name="row tight",
            ),
            on_submit=OneBot.replace_token,
            key=OneBot.tokens_taken.to_string(),
            class_name="stack",
        ),
        lead=texts.TOKEN_LEAD,
    )


def shown() -> rx.Component:
    """What Telegram shows of the bot. The form starts anew when what is stored has changed."""
    longest = profile.LONGEST
    form = rx.el.form(
        field(
            texts.PROFILE_NAME,
            text_input("name", required=True, max_length=longest["name"], default_value=OneBot.name),
            name="name",
        ),
        field(
            texts.PROFILE_DESCRIPTION,
            text_area("description", max_length=longest["description"], default_value=OneBot.description),
            name="description",
            hint=t(texts.PROFILE_DESCRIPTION_HINT),
        ),
        field(
            texts.PROFILE_SHORT,
            text_input(
                "short_description", max_length=longest["short_description"], default_value=OneBot.short_description
            ),
            name="short_description",
            hint=t(texts.PROFILE_SHORT_HINT),
        ),
        rx.cond(OneBot.profile_error, note(OneBot.profile_error, "bad")),
        rx.el.div(button(common.SAVE, kind="primary", type="submit", disabled=OneBot.busy == "profile")),
        on_submit=OneBot.save_profile,
        key=f"{OneBot.id}|{OneBot.name}|{OneBot.description}|{OneBot.short_description}",
        class_name="stack",
    )
    labels = {name: t(text) for name, text in knowledge_texts.UPLOADER.items()}
    hint = t(texts.PHOTO_HINT, mb=profile.LARGEST_PHOTO_MB)
    photo = rx.el.div(
        rx.el.p(t(texts.PHOTO), class_name="legend"),
        Uploader.create(
            rx.el.p(hint, class_name="muted small"),
            url=f"/api/v1/bots/{OneBot.id}/photo",
            accept=".jpg,.jpeg,image/jpeg",
            max_mb=profile.LARGEST_PHOTO_MB,
            texts={**labels, "pick": t(texts.PHOTO_PICK), "tooLarge": hint},
            on_uploaded=OneBot.load,
        ),
        rx.el.div(button(texts.PHOTO_REMOVE, kind="ghost", small=True, on_click=OneBot.remove_photo)),
        class_name="stack tight",
    )
    return watch_parts.card(texts.PROFILE, form, photo)


def options() -> rx.Component:
    always = rx.el.label(
        rx.el.input(type="checkbox", checked=OneBot.always_on, on_change=OneBot.set_always_on),
        rx.el.span(
            rx.el.strong(t(texts.ALWAYS_ON)), rx.el.br(), rx.el.span(t(texts.ALWAYS_ON_HINT), class_name="muted small")
        ),
        class_name="check-line",
    )
    made = rx.el.div(
        field(
            texts.MADE_BOTS,
            select(
                "made_bots",
                *[rx.el.option(t(text), value=name) for name, text in texts.MADE_BOTS_CHOICES.items()],
                value=OneBot.made_bots,
                on_change=OneBot.set_made_bots,
            ),
            name="made_bots",
            hint=t(texts.MADE_BOTS_HINT),
        ),
        rx.cond(OneBot.made_bots != "", rx.el.p(OneBot.invitation, class_name="small break")),
        rx.cond(OneBot.may_manage_others == "no", note(texts.MANAGEMENT_IS_OFF, "warn")),
        class_name="stack tight",
    )
    return watch_parts.card(
        texts.OPTIONS, always, made, rx.cond(OneBot.managed, rx.el.p(t(texts.MADE_BY), class_name="muted small"))
    )


def dialogs() -> rx.Component:
    def asked(name: str, title: Text, text: Text, action: Text, do: Any) -> rx.Component:
        return rx.cond(
            OneBot.asking == name,
            confirm(
                title, text, action=action, on_confirm=do, on_dismiss=OneBot.dismiss, extra=note(f"@{OneBot.username}")
            ),
        )

    clone = dialog(
        texts.CLONE,
        rx.el.p(t(texts.CLONE_LEAD), class_name="muted"),
        rx.el.form(
            field(
                texts.CLONE_TOKEN,
                text_input("token", id="clone-token", required=True, auto_complete="off", max_length=120,
                           placeholder="123456789:AAE…"),
                name="clone-token",
                hint=channel_texts.TOKEN_HINT,
            ),
            rx.el.label(
                rx.el.input(type="checkbox", name="documents", default_checked=True),
                rx.el.span(t(texts.CLONE_DOCUMENTS)),
                class_name="check-line",
            ),
            foot(texts.CLONE, on_cancel=OneBot.dismiss, error=OneBot.clone_error, disabled=OneBot.busy == "clone"),
            on_submit=OneBot.clone,
            class_name="stack",
        ),
        on_dismiss=OneBot.dismiss,
    )  # fmt: skip
    return rx.fragment(
        asked("delete", channel_texts.DELETE_TITLE, channel_texts.DELETE, texts.DELETE, OneBot.delete),
        asked("renew", texts.TOKEN_RENEW_TITLE, texts.TOKEN_RENEW_TEXT, texts.TOKEN_RENEW, OneBot.renew_token),
        asked("dismiss", texts.DISMISS_TITLE, texts.DISMISS, texts.DISMISS_ALL, OneBot.dismiss_updates),
        rx.cond(OneBot.asking == "clone", clone),
    )


def page() -> rx.Component:
    content = watch_parts.whole(
        OneBot,
        header(),
        watch_parts.trouble(OneBot),
        watch_parts.figures(OneBot),
        watch_parts.plots(OneBot),
        aside(),
        rx.el.div(
            rx.el.div(watch_parts.log(OneBot), receiving(), class_name="stack wide"),
            rx.el.div(shown(), token(), accounts(), options(), class_name="stack wide"),
            class_name="columns even",
        ),
        dialogs(),
        account_dialog(),
        back="/bots",
    )
    return shell("bots", content, wide=True)


ON_LOAD = [Session.enter, Accounts.enter, OneBot.enter]
