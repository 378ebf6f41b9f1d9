"""The commands that bots know, as Telegram is told of them (see `listing`)."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Literal
from uuid import UUID

from chatai.core.database import UnitOfWork
from chatai.core.i18n import Language

CommandScope = Literal["all_private_chats", "all_group_chats"]

BOT_COMMANDS: dict[CommandScope, dict[Language, tuple[tuple[str, str], ...]]] = {
    "all_private_chats": {
        "en": (
            ("start", "Begin"),
            ("new", "Begin a new conversation"),
            ("language", "Choose the language"),
            ("help", "What I can do"),
        ),
        "ru": (
            ("start", "Начать"),
            ("new", "Начать новый разговор"),
            ("language", "Выбрать язык"),
            ("help", "Что я умею"),
        ),
    },
    "all_group_chats": {
        "en": (
            ("help", "How to ask me here"),
            ("new", "Begin a new conversation"),
            ("language", "Choose the language"),
        ),
        "ru": (
            ("help", "Как меня здесь спрашивать"),
            ("new", "Начать новый разговор"),
            ("language", "Выбрать язык"),
        ),
    },
}
"""What the bots know, as people's apps list it: by kind of chat and language."""

LIST_VERSION = sha256(json.dumps(BOT_COMMANDS, sort_keys=True).encode()).hexdigest()[:16]
"""Tells one list from another."""

LIST_TASK = "list_bot_commands"
LOCK = f"{LIST_TASK}:"


async def enqueue(uow: UnitOfWork, bot_id: UUID) -> None:
    """Has Telegram told soon which commands the bot knows: only once it is ours, for until then the list may be another
    installation's. Documents go first when many bots are connected at once."""
    await uow.enqueue(LIST_TASK, queueing_lock=f"{LOCK}{bot_id}", priority=-10, bot_id=bot_id)
