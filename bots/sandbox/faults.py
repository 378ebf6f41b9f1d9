"""Trouble on demand: refusals, delays, broken connections, and Telegram's real limits."""

from __future__ import annotations

import math
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from bots.sandbox.errors import CONFLICT_OTHER_POLL, ApiError, too_many

DESCRIPTIONS = {
    400: "Bad Request: the sandbox was told to refuse",
    401: "Unauthorized",
    403: "Forbidden: bot was blocked by the user",
    404: "Not Found",
    409: CONFLICT_OTHER_POLL,
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}
SENDING = {
    "sendmessage", "senddocument", "sendphoto", "sendvoice", "forwardmessage", "copymessage", "editmessagetext",
    "editmessagereplymarkup",
}  # fmt: skip


@dataclass(slots=True)
class Fault:
    """One kind of trouble and whom it meets.

    Attributes:
        bot_id: The bot, or None for all.
        methods: Lower-case names, or empty for all.
        chat_id: The chat, or None for all calls.
        status: HTTP status to refuse with; 0: no refusal.
        retry_after: Seconds, for 429.
        delay_ms: Wait this long first.
        reset: `before`: break the connection instead of doing the call; `after`: do it, and lose the answer.
        remaining: How many calls it still meets; None: until it is removed.
    """

    id: int = 0
    bot_id: int | None = None
    methods: frozenset[str] = frozenset()
    chat_id: int | None = None
    status: int = 0
    description: str = ""
    retry_after: int = 1
    delay_ms: int = 0
    reset: str = ""
    remaining: int | None = None

    def meets(self, bot_id: int, method: str, chat_id: str) -> bool:
        return (
            (self.bot_id is None or self.bot_id == bot_id)
            and (not self.methods or method in self.methods)
            and (self.chat_id is None or str(self.chat_id) == chat_id)
        )

    def error(self) -> ApiError | None:
        if self.status == 429:
            error = too_many(self.retry_after)
            return ApiError(429, self.description, retry_after=self.retry_after) if self.description else error
        if self.status:
            return ApiError(self.status, self.description or DESCRIPTIONS.get(self.status, "Internal Server Error"))
        return None

    def wire(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "bot_id": self.bot_id,
            "methods": sorted(self.methods),
            "chat_id": self.chat_id,
            "status": self.status,
            "description": self.description,
            "retry_after": self.retry_after,
            "delay_ms": self.delay_ms,
            "reset": self.reset,
            "remaining": self.remaining,
        }


@dataclass(slots=True)
class Faults:
    planned: list[Fault] = field(default_factory=list)
    last_id: int = 0

    def add(self, fault: Fault) -> Fault:
        self.last_id += 1
        fault.id = self.last_id
        self.planned.append(fault)
        return fault

    def remove(self, fault_id: int) -> bool:
        before = len(self.planned)
        self.planned = [fault for fault in self.planned if fault.id != fault_id]
        return len(self.planned) < before

    def take(self, bot_id: int, method: str, chat_id: str) -> list[Fault]:
        """The faults that meet this call. Each counts it as met."""
        if not self.planned:
            return []
        met = [fault for fault in self.planned if fault.meets(bot_id, method, chat_id)]
        for fault in met:
            if fault.remaining is not None:
                fault.remaining -= 1
        self.planned = [fault for fault in self.planned if fault.remaining is None or fault.remaining > 0]
        return met


@dataclass(slots=True)
class Limits:
    """Telegram's documented limits, enforced when switched on.

    Attributes:
        per_bot: Messages a second that one bot may send.
        per_chat: Messages a second in one chat, over a burst of `chat_burst`.
        per_group: Messages a minute in one group.
    """

    enforced: bool = False
    per_bot: int = 30
    per_chat: float = 1.0
    chat_burst: int = 1
    per_group: int = 20
    _bots: dict[int, deque[float]] = field(default_factory=dict)
    _groups: dict[tuple[int, int], deque[float]] = field(default_factory=dict)
    _chats: dict[tuple[int, int], float] = field(default_factory=dict)

    def check(self, bot_id: int, method: str, chat_id: int, *, group: bool) -> None:
        """Counts a sent or edited message.

        Raises:
            ApiError: 429, with the seconds after which the call would have been let through.
        """
        if not self.enforced or method not in SENDING:
            return
        now = time.monotonic()
        bot = self._bots.setdefault(bot_id, deque())
        waits = [_wait(bot, self.per_bot, 1.0, now)]
        key = (bot_id, chat_id)
        if group:
            chat = self._groups.setdefault(key, deque())
            waits.append(_wait(chat, self.per_group, 60.0, now))
        # The moment up to which the chat's allowance is used (generic cell rate algorithm).
        used_until = max(self._chats.get(key, 0.0), now)
        waits.append(used_until - now - (self.chat_burst - 1) / self.per_chat)
        if (longest := max(waits)) > 0:
            raise too_many(max(1, math.ceil(longest)))
        bot.append(now)
        if group:
            self._groups[key].append(now)
        self._chats[key] = used_until + 1 / self.per_chat

    def forget(self) -> None:
        self._bots.clear()
        self._groups.clear()
        self._chats.clear()


def _wait(times: deque[float], limit: int, window: float, now: float) -> float:
    """Seconds until another one fits into the sliding window; 0 or less: now."""
    while times and times[0] <= now - window:
        times.popleft()
    return times[0] + window - now if len(times) >= limit else 0.0
