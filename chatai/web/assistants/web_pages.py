"""Adding web pages to an assistant's knowledge: one by its address, or all that a site's sitemap names."""

from __future__ import annotations

from typing import Any

import reflex as rx

from chatai.core.actor import Actor
from chatai.domains.knowledge import service as knowledge
from chatai.web.shared.elements import button, dialog, field, foot, note, text_input
from chatai.web.shared.guard import handler, language_for, place_of, route_id, tell, unit
from chatai.web.shared.i18n import t
from chatai.web.shared.texts import knowledge as texts

SHOWN = 100


class WebPages(rx.State):
    """The address that is being added, and what a site's sitemap named."""

    address: str = ""
    error: str = ""
    looking: bool = False
    found: list[str] = []  # noqa: RUF012  Reflex copies it for each browser
    count: int = 0
    shown_form: int = 0
    _all: list[str] = []  # noqa: RUF012

    @handler(error="error")
    async def add(self, actor: Actor, form: dict[str, Any]) -> Any:
        self.error, self.address = "", str(form.get("address", ""))
        await self._add(actor, [self.address])
        return self._added()

    @handler
    async def write(self, actor: Actor, address: str) -> None:
        self.address = address

    @handler(background=True, error="error")
    async def look(self, actor: Actor) -> None:
        """Asks the site for its pages, which may take a while."""
        async with self:
            if self.looking:
                return
            self.looking, self.error, address, place = True, "", self.address, place_of(self)
        try:
            found = await knowledge.find_addresses(actor, address)
        finally:
            async with self:
                self.looking = False
        async with self:
            if place_of(self) != place:
                return  # another assistant's page must not ask whether to add what was found for this one
            language = await language_for(self)
            self._all, self.found, self.count = found, found[:SHOWN], len(found)
            self.error = "" if found else texts.NONE_FOUND.of(language)

    @handler(error="error")
    async def add_all(self, actor: Actor) -> Any:
        await self._add(actor, self._all)
        return self._added()

    @handler
    async def close(self, actor: Actor) -> None:
        self.found, self._all, self.count = [], [], 0

    async def _add(self, actor: Actor, urls: list[str]) -> None:
        async with unit(actor) as uow:
            done = await knowledge.add_web_pages(uow, actor, route_id(self, "assistant_id"), urls)
        await tell(self, texts.PAGES_ADDED.of(await language_for(self), added=done.added, known=done.known))

    def _added(self) -> Any:
        from chatai.web.assistants.knowledge import Knowledge

        self.found, self._all, self.count, self.address = [], [], 0, ""
        self.shown_form += 1  # the form is made anew, empty
        return Knowledge.load


def form() -> rx.Component:
    """The form, and the dialog that asks before many pages are added."""
    return rx.el.section(
        rx.el.form(
            field(
                texts.ADDRESS,
                text_input(
                    "address",
                    type="url",
                    required=True,
                    placeholder="https://",
                    default_value=WebPages.address,
                    on_change=WebPages.write.debounce(200),
                    max_length=2_000,
                ),
                name="address",
                error=WebPages.error,
            ),
            rx.el.div(
                button(
                    texts.ADD_SITE,
                    icon_name="network",
                    on_click=WebPages.look,
                    disabled=WebPages.looking | (WebPages.address == ""),
                    title=t(texts.ADD_SITE_HINT),
                ),
                button(texts.ADD_PAGE, kind="primary", icon_name="globe", type="submit"),
                class_name="row end fill",
            ),
            rx.cond(WebPages.looking, note(texts.SEARCHING_SITE)),
            on_submit=WebPages.add,
            key=WebPages.shown_form.to_string(),
            class_name="card pad stack tight",
        ),
        rx.cond(
            WebPages.count > 0,
            dialog(
                texts.FOUND_TITLE,
                rx.el.p(t(texts.FOUND, pages=WebPages.count), class_name="muted"),
                rx.el.ul(
                    rx.foreach(WebPages.found, lambda url: rx.el.li(url, class_name="clip small")),
                    style={"maxHeight": "320px", "overflowY": "auto"},
                    class_name="stack tight",
                ),
                foot(texts.ADD_ALL, on_cancel=WebPages.close, error=WebPages.error, on_click=WebPages.add_all),
                on_dismiss=WebPages.close,
                wide=True,
            ),
        ),
        aria_label=t(texts.PAGES_TITLE),
    )
