"""What a message holds: words, files, and what it quotes or forwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from aiogram.enums import ContentType
from aiogram.types import (
    Message,
    MessageOriginChannel,
    MessageOriginChat,
    MessageOriginHiddenUser,
    MessageOriginUser,
)

from bots.downloads import FileKind, Sent
from bots.handlers.addressing import name_of, words_of
from bots.job import BotConfig
from bots.texts import Text, text
from chatai.core.i18n import Language

REPLY_CHARACTERS = 4_000
NEAR_MESSAGES = 3
"""A reply to the bot's own message so close above needs no reminder of it."""

_ODD: dict[str, Text] = {
    ContentType.ANIMATION: "not_sticker",
    ContentType.CONTACT: "not_contact",
    ContentType.DICE: "not_sticker",
    ContentType.GAME: "not_other",
    ContentType.INVOICE: "not_other",
    ContentType.LOCATION: "not_location",
    ContentType.POLL: "not_poll",
    ContentType.STICKER: "not_sticker",
    ContentType.STORY: "not_sticker",
    ContentType.VENUE: "not_location",
    ContentType.VIDEO: "not_video",
}
"""What people send and a bot can't make a question of. Other kinds are notices of the app: somebody joined, say."""


@dataclass
class Content:
    """A question in the making: of one message, or of several that belong together."""

    words: str = ""
    files: list[Sent] = field(default_factory=list)
    attached: list[tuple[str, str]] = field(default_factory=list)
    """Name and text of what the question is about: data for the model."""
    odd: Text | None = None


def is_said_by_people(message: Message) -> bool:
    """Whether this is something that a person said, and no notice of the app."""
    return message.content_type in _ODD or message.text is not None or file_in(message, "en") is not None


def content_of(messages: Sequence[Message], bot: BotConfig, language: Language, comment: Message | None) -> Content:
    """What the messages hold together.

    Args:
        messages: One, the items of an album, or messages that were forwarded together.
        bot: Whose words these are for.
        language: Of the names given to what is attached.
        comment: What the person wrote along with what was forwarded; it is the question then.
    """
    content = Content()
    words = [words_of(comment, bot)] if comment is not None else []
    for message in messages:
        said = words_of(message, bot)
        sent = file_in(message, language)
        if sent is not None:
            content.files.append(sent)
        elif not said:
            content.odd = content.odd or _ODD.get(message.content_type)
        if message.forward_origin is None:
            words.append(said)
            continue
        name = text("forwarded", language, name=_origin(message))
        if comment is not None or (said and len(messages) > 1):
            content.attached.append((name, said))
        else:  # alone, the forwarded words are what is asked
            content.attached.append((name, ""))
            words.append(said)
    content.words = "\n".join(filter(None, words))
    _add_replied(content, comment or messages[0], bot, language)
    return content


def file_in(message: Message, language: Language) -> Sent | None:
    """The message's file, of a kind that may be read, seen or heard."""
    if message.document is not None and message.animation is None:
        document = message.document
        kind: FileKind = "picture" if (document.mime_type or "").startswith("image/") else "document"
        return Sent(document.file_id, kind, document.file_name or text("file", language), document.file_size or 0)
    if message.photo:
        photo = message.photo[-1]  # the largest
        return Sent(photo.file_id, "picture", text("picture", language), photo.file_size or 0)
    sound = message.voice or message.audio or message.video_note
    if sound is None:
        return None
    name = message.audio.file_name if message.audio and message.audio.file_name else text("voice", language)
    return Sent(sound.file_id, "sound", name, sound.file_size or 0, sound.duration)


def _add_replied(content: Content, message: Message, bot: BotConfig, language: Language) -> None:
    """What the message replies to is what it is about: the quotation, the words, or the file."""
    replied = message.reply_to_message
    if message.quote is not None:
        content.attached.append((text("quoted", language), message.quote.text[:REPLY_CHARACTERS]))
    if replied is None or replied.forum_topic_created is not None:
        return
    own = replied.from_user is not None and replied.from_user.id == bot.telegram_id
    if message.quote is None and not (own and message.message_id - replied.message_id <= NEAR_MESSAGES):
        said = (replied.text or replied.caption or "")[:REPLY_CHARACTERS]
        if said:
            content.attached.append((text("replied", language, name=name_of(replied)), said))
    if not content.files and not own:
        sent = file_in(replied, language)
        if sent is not None:
            content.files.append(sent)


def _origin(message: Message) -> str:
    """Who said what was forwarded, as far as Telegram tells."""
    match message.forward_origin:
        case MessageOriginUser(sender_user=user):
            return user.full_name
        case MessageOriginHiddenUser(sender_user_name=name):
            return name
        case MessageOriginChat(sender_chat=chat) | MessageOriginChannel(chat=chat):
            return chat.title or chat.full_name
    return ""
