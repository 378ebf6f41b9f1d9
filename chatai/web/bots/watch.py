"""How one bot fares: its state and why, its figures and plots, its log, and starting and stopping it.

The page of a workspace's bot and that of the installation's admins both take it in; `watch_parts` shows it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import reflex as rx

from chatai.core.actor import Actor
from chatai.core.clock import now
from chatai.core.errors import Forbidden, NotFound
from chatai.domains.channels.schemas import BotEventView, BotSight, DesiredState, LiveView, Minute
from chatai.web.bots.plots import points
from chatai.web.bots.rows import MB, trouble_of
from chatai.web.shared.guard import handler, identifier, language_for, put, route_id

MOST_SAMPLES = 200  # of memory, one each time that the page asks: ten minutes
EVENTS = 50


@dataclass
class Event:
    """Something that happened to the bot."""

    id: str
    at: str
    level: str
    text_en: str
    text_ru: str


class BotWatch(rx.State, mixin=True):
    """The bot whose page is open. Whose it may be is said by the class that takes this in."""

    id: str = ""
    found: str = ""
    name: str = ""
    username: str = ""
    assistant: str = ""
    assistant_id: str = ""
    workspace: str = ""
    state: str = ""
    wanted: str = ""
    reason_code: str = ""
    reason_en: str = ""
    reason_ru: str = ""
    last_error: str = ""
    unreachable: bool = False
    pending: int = 0

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
    refusal: str = ""
    _visited: str = ""

    async def _look(self, actor: Actor, bot_id: UUID) -> BotSight:
        raise NotImplementedError

    async def _earlier(self, actor: Actor, bot_id: UUID, before: UUID | None) -> list[BotEventView]:
        raise NotImplementedError

    async def _want(self, actor: Actor, bot_id: UUID, desired: DesiredState) -> None:
        raise NotImplementedError

    def _begin_visit(self) -> None:
        """Forgets what was of an earlier visit to the same bot."""
        self._memory, self.events, self.more_events = [], [], False

    async def _load(self, actor: Actor) -> None:
        try:
            sight = await self._look(actor, route_id(self, "bot_id"))
        except NotFound:
            self.reset()
            self.found = "missing"
            return
        except Forbidden as error:
            self.reset()  # who may not see it any more sees nothing of what was there
            self.refusal = error.sentence(await language_for(self))
            return
        put(
            self,
            assistant=sight.assistant,
            workspace=sight.workspace,
            **_bot_values(sight),
            **_live_values(sight.live),
            **_hour_values(sight.hour),
        )
        self._memory = [*self._memory, self.memory_mb][-MOST_SAMPLES:]
        put(self, memory_line=points(self._memory), memory_most=max(self._memory))
        self._take_events([_event_of(one) for one in sight.events])
        put(self, found="ready", refusal="")

    def _take_events(self, fresh: list[Event]) -> None:
        """Newer ones go before those that are shown, of which some may have been asked for page by page."""
        known = {one.id for one in fresh}
        older = [one for one in self.events if one.id not in known and fresh and one.id < fresh[-1].id]
        if not self.events:
            put(self, more_events=len(fresh) == EVENTS)
        put(self, events=[*fresh, *older])

    @handler(error="refusal")
    async def load(self, actor: Actor) -> None:
        """Also called every few seconds while the page is looked at. Who may not see it is told in its place."""
        await self._load(actor)

    @handler(error="refusal")
    async def enter(self, actor: Actor) -> None:
        """The page is opened, or has its connection back: nothing of another bot stays."""
        bot = str(getattr(self, "bot_id", ""))
        if self._visited != bot:
            self.reset()
            self._visited = bot
        self._begin_visit()
        await self._load(actor)

    @handler
    async def show_earlier(self, actor: Actor) -> None:
        before = identifier(self.events[-1].id) if self.events else None
        older = await self._earlier(actor, route_id(self, "bot_id"), before)
        self.events = [*self.events, *[_event_of(one) for one in older]]
        self.more_events = len(older) == EVENTS

    @handler
    async def start(self, actor: Actor) -> None:
        """Also lifts a quarantine, and begins anew with a bot that runs."""
        await self._want(actor, route_id(self, "bot_id"), "running")
        await self._load(actor)

    @handler
    async def stop(self, actor: Actor) -> None:
        await self._want(actor, route_id(self, "bot_id"), "stopped")
        await self._load(actor)


def _bot_values(sight: BotSight) -> dict[str, Any]:
    bot = sight.bot
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
        "unreachable": trouble.unreachable,
        "pending": bot.webhook_pending,
    }


def _live_values(figures: LiveView | None) -> dict[str, Any]:
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


def _hour_values(hour: list[Minute]) -> dict[str, Any]:
    messages, waits = [one.messages for one in hour], [one.wait_ms for one in hour]
    return {
        "messages_line": points(messages),
        "messages_most": max(messages, default=0),
        "wait_line": points(waits),
        "wait_most": max(waits, default=0),
    }


def _event_of(one: BotEventView) -> Event:
    return Event(str(one.id), one.created_at.isoformat(), one.level, one.sentence("en"), one.sentence("ru"))
