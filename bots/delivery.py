"""Brings an answer to a chat: under Telegram's limits, by editing while it grows, and not twice.

Every message that Telegram takes is recorded under its update (`Reply.sent`) as soon as its id is known. When the
update is taken up again after a crash, recorded messages are edited, which changes nothing where nothing changed, and
only the missing ones are sent. One window stays open, and Telegram leaves no way to close it: when the connection, the
worker or the manager dies after Telegram took a new message and before its id is stored, that message comes again.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiogram import Bot
from aiogram.exceptions import (
    AiogramError,
    ClientDecodeError,
    TelegramAPIError,
    TelegramBadRequest,
    TelegramForbiddenError,
    TelegramMigrateToChat,
    TelegramNetworkError,
    TelegramRetryAfter,
    TelegramServerError,
    TelegramUnauthorizedError,
)
from aiogram.methods import DeleteMessage, EditMessageText, SendChatAction, SendMessage, TelegramMethod
from aiogram.methods.base import TelegramType
from aiogram.types import (
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    LinkPreviewOptions,
    Message,
    MessageEntity,
    ReplyParameters,
)

from bots.formatting import Part
from bots.limits import Limits

TRIES = 6
TYPING_SECONDS = 4.5
"""Telegram shows "typing" for five seconds."""
REQUEST_SECONDS = 30

_NO_PREVIEW = LinkPreviewOptions(is_disabled=True)
_GONE = ("chat not found", "user not found", "peer_id_invalid", "chat_write_forbidden", "not enough rights", "topic")
_UNEDITABLE = ("message to edit not found", "message can't be edited", "message_id_invalid")


class Undeliverable(Exception):
    """This chat cannot be written to: the bot was blocked or removed, or the chat is gone. Trying again is vain."""


class Revoked(Exception):
    """Telegram no longer knows the bot's token."""


class Later(Exception):
    """It did not work now; another try may. `blame`: it may be this update that breaks things."""

    def __init__(self, why: str, *, blame: bool = False) -> None:
        super().__init__(why)
        self.blame = blame


@dataclass(frozen=True, slots=True)
class Place:
    """Where an answer goes. `reply_to`: the message it answers, in groups. `topic`: the forum topic."""

    chat_id: int
    topic: int | None = None
    reply_to: int | None = None


class Delivery:
    """Calls to Telegram for one bot."""

    def __init__(self, bot: Bot, limits: Limits) -> None:
        self._bot = bot
        self.limits = limits

    async def call(self, method: TelegramMethod[TelegramType], chat_id: int) -> TelegramType:
        """Calls when the limits allow it, and again for as long as there is hope.

        Raises:
            Undeliverable: Telegram will not take messages for this chat.
            Revoked: Telegram does not know the token.
            Later: The network or Telegram failed `TRIES` times.
            TelegramBadRequest: What was asked for makes no sense to Telegram.
        """
        tries = 0
        while True:
            if (delay := self.limits.delay(chat_id)) > 0:
                await asyncio.sleep(delay)
                continue
            self.limits.take(chat_id)
            try:
                return await self._bot(method, request_timeout=REQUEST_SECONDS)
            except TelegramRetryAfter as error:
                self.limits.pause(error.retry_after)
            except TelegramMigrateToChat as error:
                chat_id = error.migrate_to_chat_id
                method = method.model_copy(update={"chat_id": chat_id})
            except TelegramUnauthorizedError as error:
                raise Revoked(error.message) from None
            except TelegramForbiddenError as error:
                raise Undeliverable(error.message) from None
            except (TelegramNetworkError, TelegramServerError, ClientDecodeError) as error:
                tries += 1
                if tries == TRIES:
                    raise Later(error.message) from None
                await asyncio.sleep(random.uniform(0.5, 1.0) * 0.5 * 2**tries)
            except TelegramBadRequest as error:
                if any(sign in error.message.lower() for sign in _GONE):
                    raise Undeliverable(error.message) from None
                raise

    def download(self, file_path: str) -> AsyncIterator[bytes]:
        """The content of a file that `getFile` named, in pieces. Raises what the HTTP client raises, unscrubbed."""
        session = self._bot.session
        return session.stream_content(session.api.file_url(self._bot.token, file_path), timeout=REQUEST_SECONDS)

    @asynccontextmanager
    async def typing(self, place: Place) -> AsyncIterator[None]:
        """The chat shows that the bot is typing, for as long as the block lasts."""
        task = asyncio.create_task(self._keep_typing(place))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait({task})

    async def _keep_typing(self, place: Place) -> None:
        action = SendChatAction(chat_id=place.chat_id, action="typing", message_thread_id=place.topic)
        while True:
            await asyncio.sleep(self.limits.paused())
            try:
                await self._bot(action, request_timeout=REQUEST_SECONDS)
            except TelegramRetryAfter as error:
                self.limits.pause(error.retry_after)
            except AiogramError:
                return  # it is a courtesy; what is wrong shows when the answer is sent
            await asyncio.sleep(TYPING_SECONDS)


@dataclass
class Reply:
    """The messages that answer one update, in the order in which they stand in the chat."""

    delivery: Delivery
    place: Place
    messages: list[int]
    """Ids of the messages that Telegram has. Not empty at the start when the update is taken up again."""
    sent: Callable[[list[int]], None]
    """Told of all ids whenever there is a new one."""
    _shown: dict[int, Part] = field(default_factory=dict)

    async def show(self, parts: Sequence[Part]) -> None:
        """Makes the chat show these parts, and nothing else, as the answer. Raises as `Delivery.call`."""
        for index, part in enumerate(parts):
            if index >= len(self.messages):
                self._add(await self._send(part), part)
            elif self._shown.get(self.messages[index]) != part:
                await self._edit(index, part)
        while len(self.messages) > len(parts):
            await self._delete(self.messages.pop())

    async def show_growing(self, parts: Sequence[Part]) -> None:
        """Shows an unfinished answer if that can be done at once and without trouble; else the next one will do."""
        if not parts or self.delivery.limits.delay(self.place.chat_id) > 0:
            return
        try:
            await self.show(parts[: len(self.messages) + 1])
        except TelegramAPIError:
            return  # half an answer may be unfit where the whole is not; the whole is still to come

    def _add(self, message_id: int, part: Part) -> None:
        self.messages.append(message_id)
        self._shown[message_id] = part
        self.sent(self.messages)

    async def _send(self, part: Part) -> int:
        """The new message's id."""
        place = self.place
        reply = ReplyParameters(message_id=place.reply_to, allow_sending_without_reply=True) if place.reply_to else None

        def method(entities: list[MessageEntity]) -> SendMessage:
            return SendMessage(
                chat_id=place.chat_id,
                text=part.text,
                entities=entities,
                message_thread_id=place.topic,
                reply_parameters=reply,
                link_preview_options=_NO_PREVIEW,
                reply_markup=_keyboard(part),
            )

        message: Message = await self._styled_or_plain(method, part)
        return message.message_id

    async def _edit(self, index: int, part: Part) -> None:
        message_id = self.messages[index]

        def method(entities: list[MessageEntity]) -> EditMessageText:
            return EditMessageText(
                chat_id=self.place.chat_id,
                message_id=message_id,
                text=part.text,
                entities=entities,
                link_preview_options=_NO_PREVIEW,
                reply_markup=_keyboard(part),
            )

        try:
            await self._styled_or_plain(method, part)
        except TelegramBadRequest as error:
            reason = error.message.lower()
            if any(sign in reason for sign in _UNEDITABLE):  # the person deleted it, or it is too old
                self.messages[index] = message_id = await self._send(part)
                self.sent(self.messages)
            elif "not modified" not in reason:
                raise
        self._shown[message_id] = part

    async def _styled_or_plain(self, method: Callable[[list[MessageEntity]], TelegramMethod[Any]], part: Part) -> Any:
        entities = [MessageEntity(**entity.to_dict()) for entity in part.entities]
        try:
            return await self.delivery.call(method(entities), self.place.chat_id)
        except TelegramBadRequest as error:
            if not entities or "entit" not in error.message.lower():
                raise
            return await self.delivery.call(method([]), self.place.chat_id)

    async def _delete(self, message_id: int) -> None:
        try:
            await self.delivery.call(
                DeleteMessage(chat_id=self.place.chat_id, message_id=message_id), self.place.chat_id
            )
        except TelegramBadRequest:
            return  # it is gone already, or too old to be deleted


def _keyboard(part: Part) -> InlineKeyboardMarkup | None:
    if not part.buttons:
        return None
    row = [InlineKeyboardButton(text=button.text, callback_data=button.data) for button in part.buttons]
    return InlineKeyboardMarkup(inline_keyboard=[row])
