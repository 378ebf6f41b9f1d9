"""Calls to Telegram for one bot: when they may leave, what becomes of them, and what their failures mean.

**Exactly once, except in one window.** Before a new message is sent, the manager writes that it is begun; once Telegram
has told its id, that is recorded under the update. When the update is taken up again after a crash, recorded messages
are edited, which changes nothing where nothing changed, and only the missing ones are sent. One window stays open, and
Telegram leaves no way to close it: when the connection, the worker or the manager dies after the request left and
before the id is stored, nobody can know whether Telegram has the message, and it is sent again: an answer that comes
twice is better than none. Each such message is counted (`bot_update.sends_repeated`, an event in the bot's log, and a
metric). A message that Telegram refused, or that could not leave because no connection was made, is certainly not
there: sending it again counts for nothing. Edits, drafts and deletions may be repeated without harm.

**For good or for now.** 401 ends the bot. 403, and a chat or person that is gone, end the update: it is recorded as
failed, and the chat gets nothing more until somebody writes there again. 429 holds back this bot alone. What else fails
is tried again with growing pauses, first here and then from the queue.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Protocol, cast

from aiogram import Bot
from aiogram.exceptions import (
    AiogramError,
    ClientDecodeError,
    TelegramAPIError,
    TelegramBadRequest,
    TelegramForbiddenError,
    TelegramMigrateToChat,
    TelegramNetworkError,
    TelegramNotFound,
    TelegramRetryAfter,
    TelegramServerError,
    TelegramUnauthorizedError,
)
from aiogram.methods import SendChatAction, TelegramMethod
from aiogram.methods.base import TelegramType

from bots.session import NotConnected, Session

TRIES = 6
QUIET_SECONDS = 0.3
"""An answer that is there within this time needs no "typing" before it."""
TYPING_SECONDS = 4.5
"""Telegram shows "typing" for five seconds."""
LAST_TYPING_PATIENCE = 1.0
REQUEST_SECONDS = 30
ATTEMPT_SECONDS = 5
"""What shows an unfinished answer may not hold up the finished one for longer."""

_GONE = (
    "chat not found",
    "user not found",
    "peer_id_invalid",
    "chat_write_forbidden",
    "not enough rights",
    "have no rights",
)
_NO_BUSINESS = ("business connection", "business_connection", "business_peer")
_NO_TOPIC = ("thread not found", "topic_closed", "topic_deleted")


class Undeliverable(Exception):
    """This chat cannot be written to: the bot was blocked or removed, or the chat is gone. Trying again is vain."""


class Dropped(Exception):
    """The update is not this process's any more: another one answers it."""


class Revoked(Exception):
    """Telegram no longer knows the bot's token."""


class Later(Exception):
    """It did not work now; another try may. `blame`: it may be this update that breaks things."""

    def __init__(self, why: str, *, blame: bool = False) -> None:
        super().__init__(why)
        self.blame = blame


@dataclass(frozen=True, slots=True)
class Place:
    """Where an answer goes. `reply_to`: the message it answers, in groups. `topic`: the forum topic. `business`: the
    connection to the business account whose chat it is."""

    chat_id: int
    topic: int | None = None
    reply_to: int | None = None
    business: str | None = None


class Gate(Protocol):
    """The manager, who allows calls and keeps what became of them (see `gate`)."""

    async def permit(self, update: int, chat: int, *, new: bool = False, spare: int = 0) -> float:
        """Seconds until it may be asked again; 0: go. Raises: Dropped, Undeliverable."""

    def unsent(self, update: int) -> None:
        """The new message that was permitted last is not at Telegram."""

    def throttled(self, seconds: float) -> None:
        """Telegram answered 429."""

    def closed(self, chat: int) -> None:
        """Telegram takes nothing for this chat."""


class Delivery:
    """Calls to Telegram for one bot."""

    def __init__(self, bot: Bot, gate: Gate, quiet_seconds: float = QUIET_SECONDS) -> None:
        self._bot = bot
        self._gate = gate
        self._quiet_seconds = quiet_seconds
        self._paused_until = 0.0
        self._moved: dict[int, int] = {}
        self.drafts = True
        """Whether the Bot API server knows drafts, as far as is known."""

    async def call(
        self, method: TelegramMethod[TelegramType], chat_id: int, update: int | None = None, *, new: bool = False
    ) -> TelegramType:
        """Calls when the limits allow it, and again for as long as there is hope.

        Args:
            method: What to call.
            chat_id: The chat that it is for.
            update: The update that is answered. None: the call does not count for Telegram's limits.
            new: It sends a new message, which must not come twice.

        Raises:
            Undeliverable: Telegram will not take messages for this chat.
            Dropped: Another process answers the update.
            Revoked: Telegram does not know the token.
            Later: The network or Telegram failed `TRIES` times.
            TelegramBadRequest: What was asked for makes no sense to Telegram.
        """
        tries = 0
        chat_id, method = self._now_at(chat_id, method)
        while True:
            await self._permitted(update, chat_id, new)
            try:
                return await self._bot(method, request_timeout=REQUEST_SECONDS)
            except (TelegramNetworkError, TelegramServerError, ClientDecodeError) as error:
                if isinstance(error, NotConnected):
                    self._not_sent(update, new)
                tries += 1
                if tries == TRIES:
                    raise Later(error.message) from None
                await asyncio.sleep(random.uniform(0.5, 1.0) * 0.5 * 2**tries)
            except TelegramAPIError as error:
                self._not_sent(update, new)
                if isinstance(error, TelegramMigrateToChat):
                    self._moved[chat_id] = error.migrate_to_chat_id
                    chat_id, method = self._now_at(chat_id, method)
                elif not self._bear(error, chat_id):
                    raise

    async def attempt(
        self, method: TelegramMethod[Any], chat_id: int, update: int, *, spare: int = 0, alone: bool = False
    ) -> bool:
        """Calls once, and only if the limits allow it now: for what may be left out. Whether it was done.

        Args:
            method: What to call. It sends no new message.
            chat_id: The chat that it is for.
            update: The update that is answered.
            spare: So many messages must still be allowed in the chat after this one.
            alone: It counts for the bot, not for the chat.

        Raises:
            Undeliverable, Dropped, Revoked: As `call`.
            TelegramBadRequest, TelegramNotFound: What was asked for makes no sense to Telegram.
        """
        chat_id, method = self._now_at(chat_id, method)
        if self.paused() > 0 or await self._gate.permit(update, 0 if alone else chat_id, spare=spare) > 0:
            return False
        try:
            await self._bot(method, request_timeout=ATTEMPT_SECONDS)
        except TelegramMigrateToChat as error:
            self._moved[chat_id] = error.migrate_to_chat_id
            return False
        except (TelegramNetworkError, TelegramServerError, ClientDecodeError):
            return False
        except TelegramNotFound:
            raise
        except TelegramAPIError as error:
            if not self._bear(error, chat_id):
                raise
            return False
        return True

    def paused(self) -> float:
        """Seconds that are left of a pause that Telegram asked for."""
        return max(0.0, self._paused_until - time.monotonic())

    @asynccontextmanager
    async def typing(self, place: Place) -> AsyncIterator[None]:
        """The chat shows that the bot is typing, for as long as the block lasts. A short one is not worth it."""
        over, tasks = asyncio.Event(), set[asyncio.Task[None]]()
        timer = asyncio.get_running_loop().call_later(
            max(self._quiet_seconds, self.paused()),
            lambda: tasks.add(asyncio.create_task(self._keep_typing(place, over))),
        )
        try:
            yield
        finally:
            timer.cancel()
            # One that has left must arrive before the answer does: it would be shown after it.
            over.set()
            if tasks:
                await asyncio.wait(tasks, timeout=LAST_TYPING_PATIENCE)
            for task in tasks:
                task.cancel()

    async def _keep_typing(self, place: Place, over: asyncio.Event) -> None:
        typing = SendChatAction(
            chat_id=place.chat_id,
            action="typing",
            message_thread_id=place.topic,
            business_connection_id=place.business,
        )
        _, action = self._now_at(place.chat_id, typing)
        while not over.is_set():
            try:
                await self._bot(action, request_timeout=ATTEMPT_SECONDS)
            except TelegramRetryAfter as error:
                self._throttled(error.retry_after)
            except AiogramError:
                return  # it is a courtesy; what is wrong shows when the answer is sent
            with suppress(TimeoutError):
                async with asyncio.timeout(max(TYPING_SECONDS, self.paused())):
                    await over.wait()

    def download(self, file_path: str) -> AsyncGenerator[bytes, None]:
        """The content of a file that `getFile` named, in pieces. Raises as `http.HttpClient.fetch`."""
        return cast(Session, self._bot.session).download(self._bot, file_path, REQUEST_SECONDS)

    async def _permitted(self, update: int | None, chat_id: int, new: bool) -> None:
        """Waits until the call may leave."""
        while True:
            if (wait := self.paused()) == 0:
                if update is None:
                    return
                wait = await self._gate.permit(update, chat_id, new=new)
                if wait == 0:
                    return
            await asyncio.sleep(wait)

    def _not_sent(self, update: int | None, new: bool) -> None:
        if new and update is not None:
            self._gate.unsent(update)

    def _bear(self, error: TelegramAPIError, chat_id: int) -> bool:
        """Whether the call can go on after this refusal. Raises: Undeliverable, Revoked."""
        match error:
            case TelegramRetryAfter():
                self._throttled(error.retry_after)
                return True
            case TelegramUnauthorizedError() | TelegramNotFound():
                raise Revoked(error.message) from None
            case TelegramForbiddenError():
                self._gate.closed(chat_id)
                raise Undeliverable(error.message) from None
            case TelegramBadRequest():
                reason = error.message.lower()
                if any(sign in reason for sign in _GONE):
                    self._gate.closed(chat_id)
                    raise Undeliverable(error.message) from None
                if any(sign in reason for sign in (*_NO_TOPIC, *_NO_BUSINESS)):
                    raise Undeliverable(error.message) from None
        return False

    def _throttled(self, seconds: float) -> None:
        self._paused_until = max(self._paused_until, time.monotonic() + seconds)
        self._gate.throttled(seconds)

    def _now_at(self, chat_id: int, method: TelegramMethod[TelegramType]) -> tuple[int, TelegramMethod[TelegramType]]:
        """The chat and the call for it, where a group has become a supergroup with another id."""
        if chat_id not in self._moved:
            return chat_id, method
        chat_id = self._moved[chat_id]
        return chat_id, method.model_copy(update={"chat_id": chat_id})
