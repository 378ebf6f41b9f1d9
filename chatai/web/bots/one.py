"""One bot: how it is and why, what it does, what happened to it, and everything that can be set. The page is in
`one_page`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import reflex as rx

from chatai.core.actor import Actor
from chatai.core.clock import now
from chatai.core.database import get_database
from chatai.core.errors import NotFound
from chatai.domains.assistants import service as assistants
from chatai.domains.channels import cloning, events, live, managed, overview, profile, set_aside, tokens
from chatai.domains.channels import service as channels
from chatai.domains.channels.event_texts import event_sentence
from chatai.domains.channels.schemas import BotEventView, BotView, LiveView, MadeBots, Minute
from chatai.web.bots.plots import points
from chatai.web.bots.rows import MB, trouble_of
from chatai.web.shared.guard import handler, identifier, language_for, route_id, tell, unit
from chatai.web.shared.texts import bots as texts

MOST_SAMPLES = 200  # of memory, one each time that the page asks: ten minutes
EVENTS = 50
MADE_BOTS: dict[str, MadeBots] = {"": "", "share": "share", "copy": "copy"}
DIALOGS = {"delete", "renew", "dismiss", "clone"}


@dataclass
class Event:
    """Something that happened to the bot."""

    id: str
    at: str
    level: str
    text_en: str
    text_ru: str


@dataclass
class Aside:
    """A message that was set aside."""

    update_id: str
    at: str
    attempts: int
    error: str


class OneBot(rx.State):
    """The bot whose page is open."""

    id: str = ""
    found: str = ""
    name: str = ""
    username: str = ""
    assistant: str = ""
    assistant_id: str = ""
    state: str = ""
    wanted: str = ""
    reason_code: str = ""
    reason_en: str = ""
    reason_ru: str = ""
    last_error: str = ""
    mode: str = ""
    webhook_url: str = ""
    unreachable: bool = False
    webhook_error: str = ""
    webhook_error_at: str = ""
    pending: int = 0
    description: str = ""
    short_description: str = ""
    always_on: bool = False
    made_bots: str = ""
    managed: bool = False
    invitation: str = ""
    may_manage_others: str = ""

    pid: int = 0
    memory_mb: float = 0.0
    peak_mb: float = 0.0
    since: str = ""
    restarts: int = 0
    queue: int = 0
    answered: int = 0
    rate: float = 0.0
    throttled: int = 0
    wait_ms: int = 0
    last_at: str = ""
    messages_line: str = ""
    messages_most: int = 0
    wait_line: str = ""
    wait_most: int = 0
    memory_line: str = ""
    memory_most: float = 0.0
    _memory: list[float] = []  # noqa: RUF012  Reflex copies it for each browser

    events: list[Event] = []  # noqa: RUF012
    more_events: bool = False
    aside: list[Aside] = []  # noqa: RUF012
    aside_count: int = 0

    asking: str = ""
    busy: str = ""
    token_error: str = ""
    tokens_taken: int = 0
    profile_error: str = ""
    clone_error: str = ""

    @handler
    async def load(self, actor: Actor) -> None:
        """Also called every few seconds while the page is looked at."""
        await self._load(actor)

    @handler
    async def enter(self, actor: Actor) -> None:
        """The page is opened: nothing of the bot before stays."""
        self.reset()
        await self._load(actor)

    async def _load(self, actor: Actor) -> None:
        try:
            bot_id = route_id(self, "bot_id")
            async with unit(actor) as uow:
                bot = await channels.get_bot(uow, actor, bot_id)
                assistant = await assistants.get_assistant(uow, actor, bot.assistant_id)
                figures = (await live.list_live(uow, actor, [bot_id])).get(bot_id)
                hour = await overview.last_hour(uow, actor, bot_id)
                happened = await events.list_events(uow, actor, bot_id, limit=EVENTS)
                aside, number = await set_aside.list_set_aside(uow, actor, bot_id)
        except NotFound:
            self._put(found="missing", id="")
            return
        self._put(assistant=assistant.name, **bot_values(bot), **live_values(figures), **hour_values(hour))
        self._sample()
        self._put(
            aside=[Aside(str(one.update_id), one.received_at.isoformat(), one.attempts, one.error) for one in aside],
            aside_count=number,
            found="ready",
        )
        self._take_events([event_of(one) for one in happened])

    def _put(self, **values: Any) -> None:
        """Only what differs: what is set is sent to the browser."""
        for name, value in values.items():
            if getattr(self, name) != value:
                setattr(self, name, value)

    def _sample(self) -> None:
        self._memory = [*self._memory, self.memory_mb][-MOST_SAMPLES:]
        self._put(memory_line=points(self._memory), memory_most=max(self._memory))

    def _take_events(self, fresh: list[Event]) -> None:
        """Newer ones go before those that are shown, of which some may have been asked for page by page."""
        known = {one.id for one in fresh}
        older = [one for one in self.events if one.id not in known and fresh and one.id < fresh[-1].id]
        if not self.events:
            self._put(more_events=len(fresh) == EVENTS)
        self._put(events=[*fresh, *older])

    @handler
    async def show_earlier(self, actor: Actor) -> None:
        before = identifier(self.events[-1].id) if self.events else None
        async with unit(actor) as uow:
            older = await events.list_events(uow, actor, route_id(self, "bot_id"), before, EVENTS)
        self.events = [*self.events, *[event_of(one) for one in older]]
        self.more_events = len(older) == EVENTS

    @handler
    async def start(self, actor: Actor) -> None:
        """Also lifts a quarantine, and begins anew with a bot that runs."""
        async with unit(actor) as uow:
            await channels.start_bot(uow, actor, route_id(self, "bot_id"))
        await self._load(actor)

    @handler
    async def stop(self, actor: Actor) -> None:
        async with unit(actor) as uow:
            await channels.stop_bot(uow, actor, route_id(self, "bot_id"))
        await self._load(actor)

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

    # Telegram is asked in the background: it may take its time.

    @handler(background=True, error="token_error")
    async def replace_token(self, actor: Actor, form: dict[str, Any]) -> None:
        async with self:
            self.token_error, self.busy, bot_id = "", "token", route_id(self, "bot_id")
        try:
            known = await channels.check_token(actor, str(form.get("token", "")))
            async with unit(actor) as uow:
                await tokens.replace_token(uow, actor, bot_id, known)
        finally:
            await self._free()
        async with self:
            self.tokens_taken += 1  # the form starts anew, without the token
            await self._load(actor)
            await tell(self, texts.TOKEN_SAVED.of(await language_for(self)))

    @handler(background=True, error="token_error")
    async def renew_token(self, actor: Actor) -> None:
        async with self:
            self.token_error, self.asking, self.busy, bot_id = "", "", "token", route_id(self, "bot_id")
        try:
            await tokens.renew_managed_token(get_database(), actor, bot_id)
        finally:
            await self._free()
        async with self:
            await self._load(actor)
            await tell(self, texts.TOKEN_SAVED.of(await language_for(self)))

    @handler(background=True, error="profile_error")
    async def save_profile(self, actor: Actor, form: dict[str, Any]) -> None:
        async with self:
            self.profile_error, self.busy, bot_id = "", "profile", route_id(self, "bot_id")
        draft = profile.ProfileDraft(
            *(str(form.get(name, "")) for name in ("name", "description", "short_description"))
        )
        try:
            await profile.change(get_database(), actor, bot_id, draft)
        finally:
            await self._free()
        async with self:
            await self._load(actor)
            await tell(self, texts.PROFILE_SAVED.of(await language_for(self)))

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
        async with self:
            self.busy, bot_id = "look", route_id(self, "bot_id")
        try:
            seen = await profile.look(get_database(), actor, bot_id)
        finally:
            await self._free()
        async with self:
            self.may_manage_others = "yes" if seen.identity.can_manage_bots else "no"
            await self._load(actor)
            self._put(pending=seen.webhook.pending)
            await tell(self, texts.LOOKED.of(await language_for(self)))

    @handler(background=True, error="clone_error")
    async def clone(self, actor: Actor, form: dict[str, Any]) -> Any:
        async with self:
            self.clone_error, self.busy, bot_id = "", "clone", route_id(self, "bot_id")
        try:
            token, documents = str(form.get("token", "")), bool(form.get("documents"))
            made = await cloning.clone_bot(get_database(), actor, bot_id, token, documents=documents)
        finally:
            await self._free()
        async with self:
            self.asking = ""
            await tell(self, texts.CLONED.of(await language_for(self)))
        return rx.redirect(f"/bots/{made.id}")

    async def _free(self) -> None:
        async with self:
            self.busy = ""


def bot_values(bot: BotView) -> dict[str, Any]:
    trouble = trouble_of(bot, bot.failed_post)
    return {
        "id": str(bot.id),
        "name": bot.name,
        "username": bot.username,
        "assistant_id": str(bot.assistant_id),
        "state": bot.state,
        "wanted": bot.desired_state,
        "reason_code": bot.state_reason,
        "reason_en": trouble.en,
        "reason_ru": trouble.ru,
        "last_error": bot.last_error,
        "mode": bot.mode,
        "webhook_url": bot.webhook_url,
        "unreachable": trouble.unreachable,
        "webhook_error": bot.webhook_error,
        "webhook_error_at": bot.webhook_error_at.isoformat() if bot.webhook_error_at else "",
        "pending": bot.webhook_pending,
        "description": bot.description,
        "short_description": bot.short_description,
        "always_on": bot.always_on,
        "made_bots": bot.made_bots,
        "managed": bot.managed_by is not None,
        "invitation": managed.invitation(bot.username, "my_assistant_bot"),
    }


def live_values(figures: LiveView | None) -> dict[str, Any]:
    """What the manager tells; nothing where it has fallen silent."""
    if figures is None or figures.stale:
        return {"pid": 0, "memory_mb": 0.0, "since": "", "queue": 0, "rate": 0.0}
    return {
        "pid": figures.pid or 0,
        "memory_mb": round(figures.memory_kb / MB, 1) if figures.pid else 0.0,
        "peak_mb": round(figures.memory_peak_kb / MB, 1),
        "since": figures.started_at.isoformat() if figures.started_at and figures.pid else "",
        "restarts": figures.restarts,
        "queue": figures.queued + figures.in_work,
        "answered": figures.answered,
        "rate": round(figures.sent_per_second, 2),
        "throttled": figures.throttled,
        "wait_ms": figures.wait_ms(now()),
        "last_at": figures.last_update_at.isoformat() if figures.last_update_at else "",
    }


def hour_values(hour: list[Minute]) -> dict[str, Any]:
    messages, waits = [one.messages for one in hour], [one.wait_ms for one in hour]
    return {
        "messages_line": points(messages),
        "messages_most": max(messages, default=0),
        "wait_line": points(waits),
        "wait_most": max(waits, default=0),
    }


def event_of(one: BotEventView) -> Event:
    sentences = (event_sentence(one.event, one.detail, "en"), event_sentence(one.event, one.detail, "ru"))
    return Event(str(one.id), one.created_at.isoformat(), one.level, *sentences)
