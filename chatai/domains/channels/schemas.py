"""What leaves and enters the channels domain."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from chatai.core.errors import sentence_for
from chatai.core.i18n import Language

DesiredState = Literal["running", "stopped"]
BotState = Literal["stopped", "starting", "running", "sleeping", "failed", "revoked", "conflict", "quarantined"]
"""running: its process lives. sleeping: ready, and woken by the next message. failed: it could not be set up and that
is tried again. revoked, quarantined: it stays so until somebody starts it. conflict: somebody else polls."""
UpdateState = Literal["new", "taken", "done", "failed", "set_aside"]
"""new: waits. taken: being answered. done: settled. failed: could not be delivered, for good (the chat is gone).
set_aside: failed too often to be tried again."""
Mode = Literal["webhook", "polling"]


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
    created_at: datetime
    updated_at: datetime

    def reason(self, language: Language) -> str:
        """Why the bot is as it is, in a sentence; empty when all is well."""
        return sentence_for(self.state_reason, language) if self.state_reason else ""


@dataclass(frozen=True, slots=True)
class BotIdentity:
    """Who a token belongs to, as Telegram says."""

    telegram_id: int
    username: str
    name: str


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


@dataclass(frozen=True, slots=True)
class IncomingUpdate:
    """An update from Telegram that is not stored yet. `taken`: it goes straight to the bot's process."""

    bot_id: UUID
    update_id: int
    chat_id: int
    payload: dict[str, Any]
    taken: bool


@dataclass(slots=True)
class StoredUpdate:
    """An update that is to be answered. `attempts` counts this one; `replies` are messages sent for it already."""

    bot_id: UUID
    update_id: int
    chat_id: int
    payload: dict[str, Any]
    attempts: int
    replies: list[int]


@dataclass(frozen=True, slots=True)
class UpdateMark:
    """How far an update has come: what is written of it."""

    bot_id: UUID
    update_id: int
    state: UpdateState
    attempts: int
    replies: tuple[int, ...]
    error: str = ""
