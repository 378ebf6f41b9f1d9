"""Who a message is from, who it is meant for, and where its answer belongs."""

from __future__ import annotations

import re
from dataclasses import dataclass

from aiogram.types import Message

from bots.delivery import Place
from bots.job import BotConfig
from bots.texts import language_of
from chatai.core.i18n import Language

_COMMAND = re.compile(r"/([A-Za-z0-9_]{1,32})(?:@(\w+))?(?=\s|$)\s*(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Command:
    """A command at a message's beginning. `named`: it says which bot it is for, as in `/start@shop_bot`."""

    name: str
    words: str
    named: bool


def command_of(message: Message, username: str) -> Command | None:
    """The command at the message's beginning, unless it names another bot or was given by whom it is forwarded from."""
    found = _COMMAND.match(message.text or "") if message.forward_origin is None else None
    if found is None or (found[2] and found[2].lower() != username.lower()):
        return None
    return Command(found[1].lower(), found[3].strip(), bool(found[2]))


def from_another_bot(message: Message) -> bool:
    """Whether a bot wrote this: two that answered each other would never end. Anonymous admins and channels come with
    a stand-in of Telegram's own that says it is a bot, and with the chat in whose name they speak."""
    return message.from_user is not None and message.from_user.is_bot and message.sender_chat is None


def is_addressed(message: Message, bot: BotConfig) -> bool:
    """In private everything is meant for the bot; elsewhere a mention, a reply to it, or a command that names it."""
    if message.chat.type == "private":
        return True
    answered = message.reply_to_message
    # In a topic, what is no reply counts as one to the message that opened the topic, whoever opened it.
    if answered is not None and answered.forum_topic_created is None and _is_of(answered, bot):
        return True
    command = command_of(message, bot.username)
    return (command is not None and command.named) or mentions(message, bot)


def _is_of(message: Message, bot: BotConfig) -> bool:
    return message.from_user is not None and message.from_user.id == bot.telegram_id


def mentions(message: Message, bot: BotConfig) -> bool:
    return _mention(bot).search(message.text or message.caption or "") is not None


def words_of(message: Message, bot: BotConfig) -> str:
    """The message's words without the mention that called the bot."""
    words = message.text or message.caption or ""
    if message.chat.type != "private":
        words = _mention(bot).sub(" ", words)
    return words.strip()


def place_of(message: Message) -> Place:
    """The same chat and topic; in a group as a reply, so that it is clear who is answered."""
    return Place(
        chat_id=message.chat.id,
        topic=message.message_thread_id if message.is_topic_message else None,
        reply_to=None if message.chat.type == "private" else message.message_id,
        business=message.business_connection_id,
    )


def language_for(message: Message, bot: BotConfig) -> Language:
    """The language of the person's app; where it is not told, the installation's."""
    return language_of(message.from_user.language_code if message.from_user else None, bot.language)


def name_of(message: Message) -> str:
    """What to call who speaks: the person, or the group or channel in whose name an admin writes."""
    if message.sender_chat is not None:
        return " ".join(filter(None, (message.sender_chat.title, message.author_signature)))
    return message.from_user.full_name if message.from_user is not None else message.chat.title or ""


def _mention(bot: BotConfig) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w@])@{re.escape(bot.username)}(?!\w)", re.IGNORECASE)
