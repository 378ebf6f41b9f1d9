"""An assistant's set-up: how it answers, its versions, and deleting it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import reflex as rx

from chatai.core.actor import Actor
from chatai.domains.assistants import service as assistants
from chatai.domains.assistants.schemas import AssistantDetail, AssistantDraft
from chatai.web.assistants.one import Current, assistant_page
from chatai.web.shared.elements import (
    button,
    card_head,
    confirm,
    field,
    note,
    pill,
    skeleton,
    text_area,
    text_input,
)
from chatai.web.shared.guard import handler, language_for, route_id, tell, unit
from chatai.web.shared.i18n import t, when
from chatai.web.shared.layout import Session
from chatai.web.shared.texts import assistants as texts
from chatai.web.shared.texts import common


@dataclass
class Version:
    """One saved state in the list."""

    number: int
    saved_at: str
    is_current: bool


class Setup(rx.State):
    """The form of one assistant. `shown` changes with what is loaded, so that the form starts anew."""

    shown: str = ""
    name: str = ""
    description: str = ""
    instructions: str = ""
    greeting: str = ""
    model: str = ""
    temperature: float = 0.2
    versions: list[Version] = []  # noqa: RUF012  Reflex copies it for each browser
    error: str = ""
    deleting: bool = False
    delete_error: str = ""

    @handler
    async def load(self, actor: Actor) -> None:
        await self._load(actor)

    async def _load(self, actor: Actor) -> None:
        assistant_id = route_id(self, "assistant_id")
        async with unit(actor) as uow:
            detail = await assistants.get_assistant(uow, actor, assistant_id)
            versions = await assistants.list_versions(uow, actor, assistant_id)
        self._show(detail)
        self.versions = [
            Version(number=item.number, saved_at=item.created_at.isoformat(), is_current=item.is_current)
            for item in versions
        ]
        self.error = ""

    def _show(self, detail: AssistantDetail) -> None:
        self.name, self.description, self.instructions = detail.name, detail.description, detail.instructions
        self.greeting, self.model, self.temperature = detail.greeting, detail.model, detail.temperature
        self.shown = f"{detail.id}:{detail.version}"

    @handler(error="error")
    async def save(self, actor: Actor, form: dict[str, Any]) -> Any:
        draft = AssistantDraft(
            name=str(form.get("name", "")),
            description=str(form.get("description", "")),
            instructions=str(form.get("instructions", "")),
            greeting=str(form.get("greeting", "")),
            model=str(form.get("model", "")),
            temperature=number(form.get("temperature"), self.temperature),
        )
        async with unit(actor) as uow:
            await assistants.update_assistant(uow, actor, route_id(self, "assistant_id"), draft)
        await self._load(actor)
        await tell(self, common.SAVED.of(await language_for(self)))
        return Current.load

    @handler
    async def restore(self, actor: Actor, version: int) -> Any:
        async with unit(actor) as uow:
            await assistants.restore_version(uow, actor, route_id(self, "assistant_id"), version)
        await self._load(actor)
        await tell(self, texts.RESTORED.of(await language_for(self)))
        return Current.load

    @handler
    async def ask_delete(self, actor: Actor) -> None:
        self.deleting, self.delete_error = True, ""

    @handler
    async def keep(self, actor: Actor) -> None:
        self.deleting = False

    @handler(error="delete_error")
    async def delete(self, actor: Actor, form: dict[str, Any]) -> Any:
        """Deletes the assistant if its name was typed."""
        language = await language_for(self)
        assistant_id = route_id(self, "assistant_id")
        async with unit(actor) as uow:
            detail = await assistants.get_assistant(uow, actor, assistant_id)
            if str(form.get("typed_name", "")).strip() != detail.name:
                self.delete_error = texts.DELETE_MISMATCH.of(language)
                return None
            await assistants.delete_assistant(uow, actor, assistant_id)
        self.deleting = False
        await tell(self, texts.DELETED.of(language))
        return rx.redirect("/")


def number(value: object, default: float) -> float:
    try:
        return float(str(value))
    except ValueError:
        return default


def set_up_form() -> rx.Component:
    return rx.el.form(
        field(
            texts.NAME,
            text_input("name", default_value=Setup.name, required=True, max_length=100),
            name="name",
            hint=texts.NAME_HINT,
        ),
        field(
            texts.DESCRIPTION,
            text_input("description", default_value=Setup.description, max_length=500),
            name="description",
            hint=texts.DESCRIPTION_HINT,
        ),
        field(
            texts.INSTRUCTIONS,
            text_area("instructions", tall=True, default_value=Setup.instructions, max_length=20_000),
            name="instructions",
            hint=texts.INSTRUCTIONS_HINT,
        ),
        field(
            texts.GREETING,
            text_area("greeting", default_value=Setup.greeting, max_length=1_000),
            name="greeting",
            hint=texts.GREETING_HINT,
        ),
        rx.el.div(
            field(
                texts.MODEL,
                text_input("model", default_value=Setup.model, max_length=100, auto_complete="off"),
                name="model",
                hint=texts.MODEL_HINT,
            ),
            field(
                texts.TEMPERATURE,
                rx.el.input(
                    id="temperature",
                    name="temperature",
                    type="range",
                    min="0",
                    max="1",
                    step="0.1",
                    default_value=Setup.temperature.to_string(),
                    class_name="range",
                ),
                name="temperature",
                hint=texts.TEMPERATURE_HINT,
            ),
            class_name="two",
        ),
        rx.cond(Setup.error, note(Setup.error, "bad")),
        rx.el.div(button(common.SAVE, kind="primary", type="submit"), class_name="row end"),
        on_submit=Setup.save,
        key=Setup.shown,
        class_name="card pad stack wide",
    )


def version_line(item: rx.Var[Version]) -> rx.Component:
    return rx.el.li(
        rx.el.div(
            rx.el.span(t(texts.VERSION, number=item.number), style={"fontWeight": "560"}),
            rx.el.span(when(item.saved_at), class_name="faint small", style={"display": "block"}),
            class_name="grow",
        ),
        rx.cond(
            item.is_current,
            pill(texts.CURRENT, "ok"),
            button(texts.RESTORE, small=True, on_click=Setup.restore(item.number)),
        ),
        class_name="item",
    )


def aside() -> rx.Component:
    return rx.el.aside(
        rx.el.section(
            card_head(texts.VERSIONS, texts.VERSIONS_LEAD),
            rx.el.ul(
                rx.foreach(Setup.versions, version_line),
                class_name="list",
                style={"maxHeight": "360px", "overflowY": "auto"},
            ),
            class_name="card",
        ),
        rx.el.section(
            rx.el.h2(t(texts.DANGER)),
            rx.el.p(t(texts.DANGER_LEAD), class_name="muted small"),
            rx.el.div(button(common.DELETE, kind="bad-ghost", icon_name="trash-2", on_click=Setup.ask_delete)),
            class_name="card pad stack tight",
        ),
        class_name="stack",
    )


def delete_dialog() -> rx.Component:
    return confirm(
        texts.DANGER,
        texts.DANGER_LEAD,
        form=Setup.delete,
        action=common.DELETE,
        on_dismiss=Setup.keep,
        extra=rx.fragment(
            field(
                texts.DELETE_TYPE,
                text_input("typed_name", required=True, auto_complete="off", placeholder=Setup.name),
                name="typed_name",
            ),
            rx.cond(Setup.delete_error, note(Setup.delete_error, "bad")),
        ),
    )


def page() -> rx.Component:
    return assistant_page(
        "setup",
        rx.cond(
            Setup.shown.startswith(Current.id),
            rx.el.div(set_up_form(), aside(), class_name="columns"),
            skeleton(420),
        ),
        rx.cond(Setup.deleting, delete_dialog()),
    )


ON_LOAD = [Session.enter, Current.load, Setup.load]
