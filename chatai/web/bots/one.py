"""One of the workspace's bots: how it fares (see `watch`), and all that can be set. The page is in `one_page`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import reflex as rx

from chatai.core.actor import Actor
from chatai.core.database import get_database
from chatai.core.errors import ChatAIError
from chatai.domains.channels import cloning, events, managed, overview, profile, set_aside, tokens
from chatai.domains.channels import service as channels
from chatai.domains.channels.schemas import BotEventView, BotSight, BotView, DesiredState, MadeBots
from chatai.web.bots.watch import EVENTS, BotWatch
from chatai.web.shared.guard import handler, language_for, put, route_id, tell, tell_failure, unit
from chatai.web.shared.i18n import Text
from chatai.web.shared.texts import bots as texts

MADE_BOTS: dict[str, MadeBots] = {"": "", "share": "share", "copy": "copy"}
DIALOGS = {"delete", "renew", "dismiss", "clone"}


@dataclass
class Aside:
    """A message that was set aside."""

    update_id: str
    at: str
    attempts: int
    error: str


class OneBot(BotWatch, rx.State):
    """The workspace's bot whose page is open, with all that can be set."""

    mode: str = ""
    webhook_url: str = ""
    webhook_error: str = ""
    webhook_error_at: str = ""
    description: str = ""
    short_description: str = ""
    always_on: bool = False
    made_bots: str = ""
    managed: bool = False
    invitation: str = ""
    may_manage_others: str = ""

    aside: list[Aside] = []  # noqa: RUF012  Reflex copies it for each browser
    aside_count: int = 0

    asking: str = ""
    busy: str = ""
    token_error: str = ""
    tokens_taken: int = 0
    profile_error: str = ""
    clone_error: str = ""

    async def _look(self, actor: Actor, bot_id: UUID) -> BotSight:
        async with unit(actor) as uow:
            sight = await overview.look_at(uow, actor, bot_id, EVENTS)
            aside, number = await set_aside.list_set_aside(uow, actor, bot_id)
        put(
            self,
            aside=[Aside(str(one.update_id), one.received_at.isoformat(), one.attempts, one.error) for one in aside],
            aside_count=number,
            **_settings(sight.bot),
        )
        return sight

    async def _earlier(self, actor: Actor, bot_id: UUID, before: UUID | None) -> list[BotEventView]:
        async with unit(actor) as uow:
            return await events.list_events(uow, actor, bot_id, before, EVENTS)

    async def _want(self, actor: Actor, bot_id: UUID, desired: DesiredState) -> None:
        async with unit(actor) as uow:
            if desired == "running":
                await channels.start_bot(uow, actor, bot_id)
            else:
                await channels.stop_bot(uow, actor, bot_id)

    def _begin_visit(self) -> None:
        super()._begin_visit()
        # What was under way may have been killed with its process.
        put(self, busy="", token_error="", profile_error="", may_manage_others="")

    @handler
    async def ask(self, actor: Actor, action: str) -> None:
        self.asking, self.clone_error = action if action in DIALOGS else "", ""

    @handler
    async def dismiss(self, actor: Actor) -> None:
        self.asking = ""

    @handler
    async def delete(self, actor: Actor) -> Any:
        async with unit(actor) as uow:
            await channels.delete_bot(uow, actor, route_id(self, "bot_id"))
        self.asking = ""
        await tell(self, texts.REMOVED.of(await language_for(self), number=1))
        return rx.redirect("/bots")

    @handler
    async def set_always_on(self, actor: Actor) -> None:
        async with unit(actor) as uow:
            await channels.set_always_on(uow, actor, route_id(self, "bot_id"), not self.always_on)
        await self._load(actor)

    @handler
    async def set_made_bots(self, actor: Actor, choice: str) -> None:
        async with unit(actor) as uow:
            await channels.set_made_bots(uow, actor, route_id(self, "bot_id"), MADE_BOTS.get(choice, ""))
        await self._load(actor)

    @handler
    async def retry(self, actor: Actor, update_id: str = "") -> None:
        """One message that was set aside, or all of them."""
        chosen = [int(update_id)] if update_id.isdecimal() else None
        async with unit(actor) as uow:
            number = await set_aside.retry(uow, actor, route_id(self, "bot_id"), chosen)
        await self._load(actor)
        await tell(self, texts.RETRIED.of(await language_for(self), number=number))

    @handler
    async def dismiss_updates(self, actor: Actor) -> None:
        async with unit(actor) as uow:
            number = await set_aside.dismiss(uow, actor, route_id(self, "bot_id"))
        self.asking = ""
        await self._load(actor)
        await tell(self, texts.DISMISSED.of(await language_for(self), number=number))

    # Telegram is asked in the background: it may take its time, and the page may be another one's by then.

    @asynccontextmanager
    async def _at_work(self, name: str, error: str = "") -> AsyncIterator[UUID]:
        """Says that something is under way with the bot of the page, and takes back the error of an earlier time."""
        async with self:
            bot_id = route_id(self, "bot_id")
            put(self, busy=name, **({error: ""} if error else {}))
        try:
            yield bot_id
        finally:
            async with self:
                if self._shows(bot_id) and self.busy == name:
                    self.busy = ""

    def _shows(self, bot_id: UUID) -> bool:
        return str(getattr(self, "bot_id", "")) == str(bot_id)

    async def _done(self, actor: Actor, bot_id: UUID, text: Text) -> bool:
        """Tells it on whichever page, and loads the bot's page anew. Whether it is that page still."""
        async with self:
            await tell(self, text.of(await language_for(self)))
            if shown := self._shows(bot_id):
                await self._load(actor)
        return shown

    @handler(background=True, error="token_error")
    async def replace_token(self, actor: Actor, form: dict[str, Any]) -> None:
        async with self._at_work("token", "token_error") as bot_id:
            known = await channels.check_token(actor, str(form.get("token", "")))
            async with unit(actor) as uow:
                await tokens.replace_token(uow, actor, bot_id, known)
        if await self._done(actor, bot_id, texts.TOKEN_SAVED):
            async with self:
                self.tokens_taken += 1  # the form starts anew, without the token

    @handler(background=True, error="token_error")
    async def renew_token(self, actor: Actor) -> None:
        async with self._at_work("token", "token_error") as bot_id:
            async with self:
                self.asking = ""
            await tokens.renew_managed_token(get_database(), actor, bot_id)
        await self._done(actor, bot_id, texts.TOKEN_SAVED)

    @handler(background=True, error="profile_error")
    async def save_profile(self, actor: Actor, form: dict[str, Any]) -> None:
        draft = profile.ProfileDraft(
            *(str(form.get(name, "")) for name in ("name", "description", "short_description"))
        )
        async with self._at_work("profile", "profile_error") as bot_id:
            await profile.change(get_database(), actor, bot_id, draft)
        await self._done(actor, bot_id, texts.PROFILE_SAVED)

    @handler(background=True)
    async def remove_photo(self, actor: Actor) -> None:
        async with self:
            bot_id = route_id(self, "bot_id")
        await profile.remove_photo(get_database(), actor, bot_id)
        async with self:
            await tell(self, texts.PHOTO_REMOVED.of(await language_for(self)))

    @handler(background=True)
    async def look(self, actor: Actor) -> None:
        """Asks Telegram how it shows the bot, how its webhook fares, and whether it may manage others."""
        async with self._at_work("look") as bot_id:
            seen = await profile.look(get_database(), actor, bot_id)
        if await self._done(actor, bot_id, texts.LOOKED):
            async with self:
                may = "yes" if seen.identity.can_manage_bots else "no"
                put(self, pending=seen.webhook.pending, may_manage_others=may)

    @handler(background=True, error="clone_error")
    async def clone(self, actor: Actor, form: dict[str, Any]) -> Any:
        async with self._at_work("clone", "clone_error") as bot_id:
            token, documents = str(form.get("token", "")), bool(form.get("documents"))
            try:
                made = await cloning.clone_bot(get_database(), actor, bot_id, token, documents=documents)
            except ChatAIError as failure:
                async with self:
                    if not self._asks_to_clone(bot_id):
                        await tell_failure(self, failure)
                        return None
                raise
        async with self:
            await tell(self, texts.CLONED.of(await language_for(self)))
            if not self._asks_to_clone(bot_id):
                return None  # who has turned to something else is not taken away from it
            self.asking = ""
        return rx.redirect(f"/bots/{made.id}")

    def _asks_to_clone(self, bot_id: UUID) -> bool:
        return self._shows(bot_id) and self.asking == "clone"


def _settings(bot: BotView) -> dict[str, Any]:
    return {
        "mode": bot.mode,
        "webhook_url": bot.webhook_url,
        "webhook_error": bot.webhook_error,
        "webhook_error_at": bot.webhook_error_at.isoformat() if bot.webhook_error_at else "",
        "description": bot.description,
        "short_description": bot.short_description,
        "always_on": bot.always_on,
        "made_bots": bot.made_bots,
        "managed": bot.managed_by is not None,
        "invitation": managed.invitation(bot.username, "my_assistant_bot"),
    }
