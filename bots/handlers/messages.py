"""Questions, and messages that are no text."""

from __future__ import annotations

from aiogram import Router
from aiogram.enums import ContentType
from aiogram.types import Message

from bots.handlers.addressing import is_addressed, language_for, name_of, place_of, question_in
from bots.job import Job
from bots.texts import text

_SAID_BY_PEOPLE = {
    ContentType.ANIMATION,
    ContentType.AUDIO,
    ContentType.CONTACT,
    ContentType.DICE,
    ContentType.DOCUMENT,
    ContentType.LOCATION,
    ContentType.PHOTO,
    ContentType.POLL,
    ContentType.STICKER,
    ContentType.STORY,
    ContentType.VENUE,
    ContentType.VIDEO,
    ContentType.VIDEO_NOTE,
    ContentType.VOICE,
}
"""Kinds of messages that want an answer. The others are notices of the app (somebody joined, a message was pinned)."""


def build_router() -> Router:
    router = Router(name="messages")
    router.message.register(answer, lambda message: message.text is not None)
    router.message.register(not_text, lambda message: message.content_type in _SAID_BY_PEOPLE)
    return router


async def answer(message: Message, job: Job) -> None:
    """Answers a question. In a group only one that is meant for the bot; never another bot's."""
    if not is_addressed(message, job.bot) or (message.from_user is not None and message.from_user.is_bot):
        return
    language = language_for(message, job.bot)
    place = place_of(message)
    question = question_in(message, job.bot)
    if not question:
        await job.say(place, text("help", language))
        return
    await job.answer(place, language, chat=place.chat_id, topic=place.topic, person=name_of(message), text=question)


async def not_text(message: Message, job: Job) -> None:
    if is_addressed(message, job.bot):
        await job.say(place_of(message), text("text_only", language_for(message, job.bot)))
