"""The commands that bots know, as Telegram is told of them."""

from __future__ import annotations

from typing import Literal

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
