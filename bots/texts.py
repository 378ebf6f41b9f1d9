"""What a bot says of itself, in both languages."""

from __future__ import annotations

from typing import Literal

from chatai.core.i18n import Language

Text = Literal["help", "new", "text_only", "failed"]

_TEXTS: dict[Text, dict[Language, str]] = {
    "help": {
        "en": "I answer questions from documents. Just write to me.\n\n"
        "/new – begin a new conversation\n/help – this message\n\n"
        "In a group, mention me or reply to my message.",
        "ru": "Я отвечаю на вопросы по документам. Просто напишите мне.\n\n"
        "/new – начать новый разговор\n/help – эта подсказка\n\n"
        "В группе упомяните меня или ответьте на моё сообщение.",
    },
    "new": {
        "en": "A new conversation has begun. What would you like to know?",
        "ru": "Начат новый разговор. Что вы хотите узнать?",
    },
    "text_only": {
        "en": "I understand text messages only. Please write your question in words.",
        "ru": "Я понимаю только текстовые сообщения. Напишите, пожалуйста, ваш вопрос словами.",
    },
    "failed": {
        "en": "Something went wrong and I could not answer. Please ask again a little later.",
        "ru": "Что-то пошло не так, и ответить не получилось. Пожалуйста, спросите ещё раз чуть позже.",
    },
}

_RUSSIAN = ("ru", "be", "uk", "kk", "ky", "uz", "tg")
"""Languages of Telegram's apps whose speakers rather read Russian than English."""


def text(key: Text, language: Language) -> str:
    return _TEXTS[key][language]


def language_of(code: str | None, default: Language) -> Language:
    """The language to speak to a person whose app has this language code (`ru`, `pt-br`, or none)."""
    if not code:
        return default
    return "ru" if code.lower().split("-")[0] in _RUSSIAN else "en"
