"""What leaves and enters the channels domain."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from chatai.core.clock import now
from chatai.core.errors import sentence_for
from chatai.core.i18n import Language
from chatai.domains.channels.event_texts import event_sentence

STALE_AFTER = timedelta(seconds=60)

UNDELIVERED_FOR = timedelta(minutes=30)
"""Telegram keeps a webhook's last error for good: an older one says nothing of how it is now."""

DesiredState = Literal["running", "stopped"]
BotState = Literal["stopped", "starting", "running", "sleeping", "failed", "revoked", "conflict", "quarantined"]
"""running: its process lives. sleeping: ready, and woken by the next message. failed: it could not be set up and that
is tried again. revoked, quarantined: it stays so until somebody starts it. conflict: somebody else polls, or had
removed or replaced its webhook when that was looked at last."""
GIVEN_UP: frozenset[BotState] = frozenset({"revoked", "quarantined"})
IN_TROUBLE: frozenset[BotState] = GIVEN_UP | {"failed", "conflict"}
UpdateState = Literal["new", "taken", "done", "failed", "set_aside"]
"""new: waits. taken: being answered. done: settled. failed: could not be delivered, for good (the chat is gone).
set_aside: failed too often to be tried again."""
Mode = Literal["webhook", "polling"]
MadeBots = Literal["", "share", "copy"]
"""What becomes of a bot that somebody makes for this one (Telegram's managed bots). Empty: nothing, it is left alone.
share: it answers with the same assistant. copy: it gets a copy of the assistant, with its documents."""


@dataclass(frozen=True, slots=True)
class BotView:
    """A bot as people see it: without its token."""

    id: UUID
    assistant_id: UUID
    telegram_id: int
    username: str
    name: str
    mode: str
    desired_state: str
    state: str
    state_reason: str
    """Code of the error that explains the state; empty when all is well. `reason` makes a sentence of it."""
    last_error: str
    """What Telegram or the process said last, in English, for those who want to know."""
    always_on: bool
    description: str
    short_description: str
    webhook_url: str
    webhook_error: str
    webhook_error_at: datetime | None
    webhook_pending: int
    managed_by: UUID | None
    made_bots: str
    created_at: datetime
    updated_at: datetime

    @property
    def failed_post(self) -> str:
        """Why Telegram could not bring it something a short while ago, in its words; empty when it could."""
        recent = self.webhook_error_at is not None and self.webhook_error_at > now() - UNDELIVERED_FOR
        return self.webhook_error if recent else ""

    def reason(self, language: Language) -> str:
        """Why the bot is as it is, in a sentence; empty when all is well."""
        return sentence_for(self.state_reason, language) if self.state_reason else ""


@dataclass(frozen=True, slots=True)
class BotIdentity:
    """Who a token belongs to, as Telegram says."""

    telegram_id: int
    username: str
    name: str
    can_manage_bots: bool = False
    """Its owner has allowed it, in @BotFather, to have bots made for it."""


@dataclass(frozen=True, slots=True)
class BotName:
    """A bot and where it belongs."""

    id: UUID
    workspace_id: UUID
    username: str


@dataclass(frozen=True, slots=True)
class BotProfile:
    """What Telegram shows of a bot: in an empty chat, and in its profile."""

    description: str
    short_description: str


@dataclass(frozen=True, slots=True)
class WebhookInfo:
    """How a bot's webhook is, as Telegram sees it. `url` is empty where there is none.

    `error` is what went wrong with Telegram's last post that failed, in its words; `asks_for_all`: the webhook brings
    just the kinds of updates that this version understands.
    """

    url: str
    pending: int
    error: str
    error_at: datetime | None
    asks_for_all: bool


@dataclass(frozen=True, slots=True)
class ManagedBot:
    """A bot as the bot manager sees it."""

    id: UUID
    workspace_id: UUID
    assistant_id: UUID
    telegram_id: int
    username: str
    token_encrypted: str = field(repr=False)
    webhook_secret: str = field(repr=False)
    webhook_url: str
    mode: str
    desired_state: str
    state: str
    polling_offset: int
    updated_at: datetime
    always_on: bool


@dataclass(frozen=True, slots=True)
class IncomingUpdate:
    """An update from Telegram that is not stored yet. `taken`: it goes straight to the bot's process, if the manager
    that stores it still holds the bot under `fence`."""

    bot_id: UUID
    update_id: int
    chat_id: int
    payload: dict[str, Any]
    taken: bool
    fence: int = 0


@dataclass(slots=True)
class StoredUpdate:
    """An update that is to be answered. `attempts` counts this one; `replies` are messages sent for it already.

    `fence`: under which lease it was taken. `received`: when it came, as this process's monotonic time in seconds.
    `open_sends`: new messages that were begun for it and are in `replies` neither yet nor for certain never.
    `repeated`: so many messages for it may come twice, as was just found out when it was taken up again.
    """

    bot_id: UUID
    update_id: int
    chat_id: int
    payload: dict[str, Any]
    attempts: int
    replies: list[int]
    fence: int = 0
    received: float = field(default_factory=time.monotonic)
    open_sends: int = 0
    repeated: int = 0

    def marked(self, state: UpdateState, error: str = "", repeated: int = 0) -> UpdateMark:
        """How far it has come, to be written."""
        replies = tuple(self.replies)
        return UpdateMark(self.bot_id, self.update_id, state, self.attempts, replies, error, self.fence, repeated)


@dataclass(frozen=True, slots=True)
class UpdateMark:
    """How far an update has come: what is written of it. `repeated` is added to what the row has."""

    bot_id: UUID
    update_id: int
    state: UpdateState
    attempts: int
    replies: tuple[int, ...]
    error: str = ""
    fence: int = 0
    repeated: int = 0


@dataclass(frozen=True, slots=True)
class BotEventRow:
    """Something that happened to a bot, to be written. `event` is a code of `event_texts`."""

    id: UUID
    created_at: datetime
    bot_id: UUID
    workspace_id: UUID
    level: str
    event: str
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True)
class BotEventView:
    """A line of a bot's log."""

    id: UUID
    created_at: datetime
    level: str
    event: str
    detail: dict[str, Any]

    def sentence(self, language: Language) -> str:
        """What happened, for people. It may quote Telegram or a process, so it is text, never HTML."""
        return event_sentence(self.event, self.detail, language)


@dataclass(frozen=True, slots=True)
class LiveFigures:
    """How a bot fares right now. See `models.BotLive` for the fields and their units."""

    bot_id: UUID
    manager_id: UUID
    pid: int | None
    memory_kb: int
    memory_peak_kb: int
    started_at: datetime | None
    restarts: int
    queued: int
    in_work: int
    answered: int
    sent: int
    sent_per_second: float
    throttled: int
    paused_until: datetime | None
    throttled_at: datetime | None
    wait_p95_ms: int
    waiting_since: datetime | None
    last_update_at: datetime | None

    @property
    def under_way(self) -> bool:
        """Whether the bot has a process or something to do."""
        return self.pid is not None or self.queued > 0 or self.in_work > 0

    def oldest_ms(self, moment: datetime) -> int:
        """How long the oldest undone update has waited by then; 0 without any."""
        waited = moment - self.waiting_since if self.waiting_since is not None else timedelta()
        return max(0, round(waited.total_seconds() * 1000))

    def wait_ms(self, moment: datetime) -> int:
        """How long updates wait: those that ended within the last minute (95th percentile), or the oldest that is
        undone, where that has waited longer. A bot that is stuck ends none."""
        return max(self.wait_p95_ms, self.oldest_ms(moment))


@dataclass(frozen=True, slots=True)
class LiveView(LiveFigures):
    """Figures as they were written. Those of a bot with a process or with something to do are rewritten at least every
    20 seconds."""

    updated_at: datetime

    @property
    def stale(self) -> bool:
        """Whether the manager that wrote it has fallen silent: then nobody knows how the bot is."""
        return self.under_way and now() - self.updated_at > STALE_AFTER


BotGroup = Literal["", "running", "sleeping", "trouble", "stopped"]
"""What the bots page can show alone. trouble: failed, revoked, conflict, quarantined, or Telegram cannot deliver."""
BotSort = Literal["name", "state", "assistant", "answered", "rate", "queue", "memory", "restarts", "activity"]


@dataclass(frozen=True, slots=True)
class BotQuery:
    """Which bots a page shows, and in which order. `search`: part of a name, user name, assistant or workspace."""

    search: str = ""
    group: BotGroup = ""
    sort: BotSort = "name"
    descending: bool = False
    offset: int = 0
    limit: int = 50


@dataclass(frozen=True, slots=True)
class BotLine:
    """A bot in the list: what it is and how it fares, `memory_kb` and the like as in BotLive."""

    id: UUID
    workspace_id: UUID
    workspace: str
    assistant_id: UUID
    assistant: str
    username: str
    name: str
    desired_state: str
    state: str
    state_reason: str
    last_error: str
    webhook_error: str
    live: bool
    answered: int
    sent_per_second: float
    queue: int
    memory_kb: int
    restarts: int
    last_update_at: datetime | None

    def reason(self, language: Language) -> str:
        """Why the bot is as it is, in a sentence; empty when all is well."""
        return sentence_for(self.state_reason, language) if self.state_reason else ""


@dataclass(frozen=True, slots=True)
class BotTotals:
    """All bots together: their number in each group (empty: all), and what they do."""

    groups: dict[str, int]
    answered: int
    sent_per_second: float
    queue: int
    memory_kb: int


@dataclass(frozen=True, slots=True)
class BotPage:
    """One page of the list. `found`: how many fit the query in all."""

    lines: list[BotLine]
    found: int
    totals: BotTotals


@dataclass(frozen=True, slots=True)
class Minute:
    """What a bot received within a minute, and how long those messages took, in ms (95th percentile)."""

    at: datetime
    messages: int
    wait_ms: int


@dataclass(frozen=True, slots=True)
class BotSight:
    """All that one bot's page shows of how it fares. `live` is None for a bot that has done nothing yet; `hour` are its
    last sixty minutes, the earliest first; `events` the newest of its log, the newest first."""

    bot: BotView
    assistant: str
    workspace: str
    live: LiveView | None
    hour: list[Minute]
    events: list[BotEventView]
