"""Who a message is meant for, and where its answer belongs."""

from __future__ import annotations

import re

from aiogram.types import Message

from bots.delivery import Place
from bots.job import BotConfig
from bots.texts import language_of
from chatai.core.i18n import Language


def command_of(message: Message, username: str) -> str | None:
    """The command at the message's beginning (`start`), unless it names another bot (`/start@other_bot`)."""
    words = (message.text or "").split(maxsplit=1)
    if not words or not words[0].startswith("/"):
        return None
    name, _, addressee = words[0][1:].partition("@")
    if addressee and addressee.lower() != username.lower():
        return None
    return name.lower() or None


def is_addressed(message: Message, bot: BotConfig) -> bool:
    """In private everything is meant for the bot; in a group a mention, a reply to it, or a command."""
    if message.chat.type == "private":
        return True
    answered = message.reply_to_message
    if answered is not None and answered.from_user is not None and answered.from_user.id == bot.telegram_id:
        return True
    words = message.text or message.caption or ""
    return command_of(message, bot.username) is not None or _mention(bot).search(words) is not None


def question_in(message: Message, bot: BotConfig) -> str:
    """The message's words without the mention that called the bot."""
    words = message.text or ""
    if message.chat.type != "private":
        words = _mention(bot).sub(" ", words)
    return words.strip()


def place_of(message: Message) -> Place:
    """The same chat and topic; in a group as a reply, so that it is clear who is answered."""
    return Place(
        chat_id=message.chat.id,
        topic=message.message_thread_id if message.is_topic_message else None,
        reply_to=None if message.chat.type == "private" else message.message_id,
    )


def language_for(message: Message, bot: BotConfig) -> Language:
    """The language of the person's app; where it is not told, the installation's."""
    return language_of(message.from_user.language_code if message.from_user else None, bot.language)


def name_of(message: Message) -> str:
    """What to call the person, or the group or channel that speaks."""
    if message.from_user is not None:
        return message.from_user.full_name
    return (message.sender_chat and message.sender_chat.title) or message.chat.title or ""


def _mention(bot: BotConfig) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w@])@{re.escape(bot.username)}(?!\w)", re.IGNORECASE)
