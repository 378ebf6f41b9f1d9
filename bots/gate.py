"""What a bot's process must ask before it writes to Telegram, and what it tells of Telegram's answers.

A call goes out when the limits allow it (see `permits`). A new message besides only when it is written that it is about
to be sent: what was begun and is not recorded as sent may come twice when the update is taken up again, and is counted.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from typing import Protocol, cast
from uuid import UUID

import structlog

from bots.events import Level
from bots.inbox import Inbox
from bots.limits import Allowance, Rate
from bots.live import Figures
from bots.permits import CLOSED, Permits
from bots.queue import ChatQueues, Work
from bots.wire import Message, Wire
from chatai.core.database import DatabaseAway

log = structlog.get_logger(__name__)

AWAY_SECONDS = 1.0
"""The database is away, so no message can be begun: ask again after so long."""

LONGEST_PAUSE = 24 * 3600.0
"""Seconds. What a process tells is not trusted with more: the figures of all bots are written together."""

LARGEST_CHAT = 2**62
"""Telegram's identifiers have at most 52 bits."""
MOST_WRITTEN_TO = 256
"""Chats that were written to last, which may turn out to be closed."""
CLOSINGS = Rate(0.2, 100)


class Keeper(Protocol):
    """Who keeps the bot's updates and its log."""

    def note(self, level: Level, event: str, **detail: object) -> None:
        """Writes into the bot's log."""

    def repeat(self, work: Work) -> None:
        """A message for the update is sent again though Telegram may have it: counts that."""


class Gate:
    """The gate of one bot."""

    def __init__(
        self, bot: UUID, permits: Permits, inbox: Inbox, queues: ChatQueues, figures: Figures, keeper: Keeper
    ) -> None:
        self._bot = bot
        self._permits = permits
        self._inbox = inbox
        self._queues = queues
        self._figures = figures
        self._keeper = keeper
        self._tasks: set[asyncio.Task[None]] = set()
        self._written_to: OrderedDict[int, bool] = OrderedDict()
        self._closings = Allowance(CLOSINGS)

    def take(self, message: Message, wire: Wire) -> None:
        """The process asks, and is answered over this wire; or it tells what Telegram said. Raises: LookupError,
        TypeError, ValueError: no process of ours says so."""
        match message["type"]:
            case "permit":
                _check_permit(message)
                task = asyncio.create_task(self._answer(message, wire))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            case "unsent":
                self._unsent(message["update"])
            case "throttled":
                seconds = _pause(message["seconds"])
                self._permits.pause(self._bot, seconds)
                self._figures.throttled(seconds)
                self._keeper.note("warning", "throttled", seconds=seconds)
            case "closed":
                # Only where it was about to write, and not more often than people can leave.
                if self._written_to.pop(int(message["chat"]), False) and self._closings.take():
                    self._permits.close_chat(self._bot, int(message["chat"]))

    def sent(self, work: Work, messages: list[int]) -> None:
        """Telegram has these messages as the answer to the update."""
        work.update.replies = messages
        work.update.open_sends = 0

    def _unsent(self, update: int) -> None:
        """Telegram refused the message that was begun last: it is certainly not there."""
        work = self._queues.find(update)
        if work is not None and work.update.open_sends:
            work.update.open_sends = 0
            work.refused = True

    async def _answer(self, message: Message, wire: Wire) -> None:
        answer: Message = {"type": "permitted", "permit": message["permit"], "wait": AWAY_SECONDS}
        try:
            answer |= await self._decide(message)
        except DatabaseAway:
            log.warning("a message waits for the database", bot_id=str(self._bot))
        except Exception:  # whatever it is must not leave the process waiting for ever
            log.exception("a permit could not be decided on", bot_id=str(self._bot))
        wire.send(answer)

    async def _decide(self, message: Message) -> Message:
        work = self._queues.find(message["update"])
        if work is None:
            return {"wait": 0, "refused": True}
        age = time.monotonic() - work.update.received
        wait = await self._permits.ask(self._bot, message["chat"], age, message.get("spare", 0))
        if wait == CLOSED:
            return {"wait": 0, "closed": True}
        if wait > 0:
            return {"wait": wait}
        if message["new"] and not await self._begin(work):
            return {"wait": 0, "refused": True}
        self._figures.sent()
        chat = message["chat"] or work.update.chat_id  # a draft counts for the bot alone
        self._written_to[chat] = True
        self._written_to.move_to_end(chat)
        if len(self._written_to) > MOST_WRITTEN_TO:
            self._written_to.popitem(last=False)
        return {"wait": 0}

    async def _begin(self, work: Work) -> bool:
        """Writes that a message is about to be sent. False: another manager answers the update."""
        update = work.update
        if not await self._inbox.begin_send(self._bot, work.number, update.fence, again=work.refused):
            return False
        if update.open_sends:  # what became of the one before is not known, and this is the same message
            self._keeper.repeat(work)
        update.open_sends, work.refused = 1, False
        return True


def _check_permit(message: Message) -> None:
    """Raises: LookupError, TypeError, ValueError."""
    numbers = message["permit"], message["update"], message["chat"], message.get("spare", 0)
    if any(type(number) is not int or abs(number) > LARGEST_CHAT for number in numbers) or "new" not in message:
        raise ValueError("a permit is asked for otherwise than one of ours does")


def _pause(told: object) -> float:
    """Seconds as a process tells them, who may tell anything: no number, infinitely many, less than none."""
    known = isinstance(told, int | float) and 0 <= told <= LONGEST_PAUSE
    return float(cast(float, told)) if known else LONGEST_PAUSE
