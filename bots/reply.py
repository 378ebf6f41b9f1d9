"""The answer to one update as it stands in the chat: messages that are sent once and edited, and drafts before them.

In private chats a growing answer is shown as a draft where the Bot API server offers that: it costs no message and no
edit, the person is notified once and of the whole answer, and a crash leaves nothing behind. Else the answer's message
is sent with the first words and edited. What is finished of a long answer is sent at once either way.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from aiogram.exceptions import TelegramAPIError, TelegramBadRequest, TelegramNotFound
from aiogram.methods import (
    DeleteBusinessMessages,
    DeleteMessage,
    EditMessageText,
    SendMessage,
    SendMessageDraft,
    TelegramMethod,
)
from aiogram.types import (
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    KeyboardButton,
    KeyboardButtonRequestManagedBot,
    LinkPreviewOptions,
    Message,
    MessageEntity,
    ReplyKeyboardMarkup,
    ReplyParameters,
)

from bots.delivery import Delivery, Place
from bots.formatting import Part

Streaming = Literal["auto", "drafts", "edits", "off"]

SPARE = 1
"""Edits of a growing answer leave so many messages of the chat's allowance to what is more important."""
DRAFT_SECONDS = 20.0
"""A draft is gone after 30 seconds: one that does not change is shown anew after this time."""

BUTTONS_IN_A_ROW = 6

_NO_PREVIEW = LinkPreviewOptions(is_disabled=True)
_UNEDITABLE = ("message to edit not found", "message can't be edited", "message_id_invalid")


@dataclass
class Reply:
    """The messages that answer one update, in the order in which they stand in the chat."""

    delivery: Delivery
    place: Place
    update: int
    messages: list[int]
    """Ids of the messages that Telegram has. Not empty at the start when the update is taken up again."""
    sent: Callable[[list[int]], None]
    """Told of all ids whenever there is a new one."""
    streaming: Streaming = "auto"
    _shown: dict[int, Part] = field(default_factory=dict)
    _draft: Part | None = None
    _draft_at: float = 0.0
    _draftable: bool = True

    @property
    def by_draft(self) -> bool:
        """Whether a growing answer is shown as a draft."""
        wanted = self.streaming in {"auto", "drafts"}
        private = self.place.chat_id > 0 and self.place.business is None
        return wanted and self.delivery.drafts and self._draftable and private

    @property
    def fades(self) -> bool:
        """Whether a draft must be shown anew lest it goes."""
        return self._draft is not None and time.monotonic() - self._draft_at > DRAFT_SECONDS

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
        """Shows an unfinished answer if that can be done at once and without trouble; else the next one will do.

        Raises:
            Undeliverable, Dropped, Revoked: As `Delivery.call`.
        """
        if not parts or self.streaming == "off":
            return
        try:
            if self.by_draft and await self._show_draft(parts):
                return
            if self.streaming != "drafts":
                await self._show_edited(parts)
        except TelegramAPIError:
            return  # half an answer may be unfit where the whole is not; the whole is still to come

    async def _show_draft(self, parts: Sequence[Part]) -> bool:
        """False: drafts are not for this chat."""
        while len(self.messages) < len(parts) - 1:  # a part that is full does not grow any more
            part = parts[len(self.messages)]
            self._add(await self._send(part), part)
        if parts[-1] == self._draft and not self.fades:
            return True
        draft = SendMessageDraft(
            chat_id=self.place.chat_id,
            draft_id=self.update % 2**31 or 1,
            message_thread_id=self.place.topic,
            text=parts[-1].text,
            entities=_entities(parts[-1]),
        )
        try:
            if await self.delivery.attempt(draft, self.place.chat_id, self.update, alone=True):
                self._draft, self._draft_at = parts[-1], time.monotonic()
        except TelegramNotFound:
            self.delivery.drafts = False
        except TelegramBadRequest as error:
            self._draftable = "entit" in error.message.lower()
        return self.by_draft

    async def _show_edited(self, parts: Sequence[Part]) -> None:
        parts = parts[: len(self.messages) + 1]
        if len(parts) > len(self.messages):
            self._add(await self._send(parts[-1]), parts[-1])
            return
        index = len(parts) - 1
        if self._shown.get(self.messages[index]) == parts[index]:
            return
        edit = self._editing(self.messages[index], parts[index], _entities(parts[index]))
        if await self.delivery.attempt(edit, self.place.chat_id, self.update, spare=SPARE):
            self._shown[self.messages[index]] = parts[index]

    def _add(self, message_id: int, part: Part) -> None:
        self.messages.append(message_id)
        self._shown[message_id] = part
        self._draft = None
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
                reply_markup=_making(part) or self._keyboard(part),
                business_connection_id=place.business,
            )

        message: Message = await self._styled_or_plain(method, part, new=True)
        return message.message_id

    def _editing(self, message_id: int, part: Part, entities: list[MessageEntity]) -> EditMessageText:
        return EditMessageText(
            chat_id=self.place.chat_id,
            message_id=message_id,
            text=part.text,
            entities=entities,
            link_preview_options=_NO_PREVIEW,
            reply_markup=self._keyboard(part),
            business_connection_id=self.place.business,
        )

    def _keyboard(self, part: Part) -> InlineKeyboardMarkup | None:
        """None in the chats of a business account: what its customers press would not be answered in its name."""
        return _keyboard(part) if self.place.business is None else None

    async def _edit(self, index: int, part: Part) -> None:
        message_id = self.messages[index]
        try:
            await self._styled_or_plain(lambda entities: self._editing(message_id, part, entities), part)
        except TelegramBadRequest as error:
            reason = error.message.lower()
            if any(sign in reason for sign in _UNEDITABLE):  # the person deleted it, or it is too old
                await self._delete(message_id)
                self.messages[index] = message_id = await self._send(part)
                self.sent(self.messages)
            elif "not modified" not in reason:
                raise
        self._shown[message_id] = part

    async def _styled_or_plain(
        self, method: Callable[[list[MessageEntity]], TelegramMethod[Any]], part: Part, *, new: bool = False
    ) -> Any:
        entities = _entities(part)
        try:
            return await self.delivery.call(method(entities), self.place.chat_id, self.update, new=new)
        except TelegramBadRequest as error:
            if not entities or "entit" not in error.message.lower():
                raise
            return await self.delivery.call(method([]), self.place.chat_id, self.update, new=new)

    async def _delete(self, message_id: int) -> None:
        method: TelegramMethod[bool] = DeleteMessage(chat_id=self.place.chat_id, message_id=message_id)
        if (business := self.place.business) is not None:
            method = DeleteBusinessMessages(business_connection_id=business, message_ids=[message_id])
        try:
            await self.delivery.call(method, self.place.chat_id, self.update)
        except TelegramBadRequest:
            return  # it is gone already, or too old to be deleted


def _entities(part: Part) -> list[MessageEntity]:
    return [MessageEntity(**entity.to_dict()) for entity in part.entities]


def _keyboard(part: Part) -> InlineKeyboardMarkup | None:
    if not part.buttons:
        return None
    keys = [
        InlineKeyboardButton(text=button.text, url=button.url or None, callback_data=button.data or None)
        for button in part.buttons
    ]
    return InlineKeyboardMarkup(inline_keyboard=_rows(keys, BUTTONS_IN_A_ROW))


def _making(part: Part) -> ReplyKeyboardMarkup | None:
    """Belongs to the chat, not to the message, so an edit does not take it along."""
    if part.making is None:
        return None
    asked = KeyboardButtonRequestManagedBot(request_id=1, suggested_username=part.making.username)
    keys = [[KeyboardButton(text=part.making.text, request_managed_bot=asked)]]
    return ReplyKeyboardMarkup(keyboard=keys, resize_keyboard=True, one_time_keyboard=True)


def _rows(keys: list[InlineKeyboardButton], size: int) -> list[list[InlineKeyboardButton]]:
    return [keys[start : start + size] for start in range(0, len(keys), size)]
