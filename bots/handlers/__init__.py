"""What a bot does with an update: for each kind of it the handlers that may take it, in this order."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from aiogram.types import (
    BusinessConnection,
    BusinessMessagesDeleted,
    CallbackQuery,
    ChatMemberUpdated,
    ManagedBotUpdated,
    Message,
)

from bots.handlers import business, choices, commands, edits, managed, membership, messages, sources
from bots.job import Job

Handler = Callable[[Any, Job], Awaitable[bool | None]]
"""Given what the update brings, and the job. False: it is not for this one, and the next may take it."""

HANDLERS: dict[str, tuple[type[Any], list[Handler]]] = {
    "message": (Message, [membership.migrated, managed.invite, commands.command, messages.answer]),
    "edited_message": (Message, [edits.edited]),
    "channel_post": (Message, [messages.answer]),
    "callback_query": (CallbackQuery, [sources.show_source, choices.choose_language, choices.answer_unknown]),
    "my_chat_member": (ChatMemberUpdated, [membership.changed]),
    "managed_bot": (ManagedBotUpdated, [managed.made]),
    "business_connection": (BusinessConnection, [business.connected]),
    "business_message": (Message, [business.answer]),
    "edited_business_message": (Message, [business.edited]),
    "deleted_business_messages": (BusinessMessagesDeleted, [business.deleted]),
}
"""By the update's field: its type, and who may take it."""


async def handle(payload: dict[str, Any], job: Job) -> None:
    """Has an update handled as Telegram sent it. Of kinds that are not named here there is nothing to do.

    Raises:
        ValidationError: It is not what Telegram sends.
        Whatever a handler raises.
    """
    for kind, (made_of, handlers) in HANDLERS.items():
        if kind in payload:
            event = made_of.model_validate(payload[kind])
            for handler in handlers:
                if await handler(event, job) is not False:
                    return
