"""/start, /help and /new. Other commands are questions like any other text."""

from __future__ import annotations

from aiogram import Router
from aiogram.types import Message

from bots.handlers.addressing import command_of, language_for, name_of, place_of
from bots.job import Job
from bots.texts import text


def build_router() -> Router:
    router = Router(name="commands")
    router.message.register(start, lambda message, job: command_of(message, job.bot.username) == "start")
    router.message.register(help_, lambda message, job: command_of(message, job.bot.username) == "help")
    router.message.register(new, lambda message, job: command_of(message, job.bot.username) == "new")
    return router


async def start(message: Message, job: Job) -> None:
    """Greets as the assistant's owner wrote it."""
    language = language_for(message, job.bot)
    greeting = await job.request("greeting", language=language)
    await job.say(place_of(message), greeting or text("help", language))


async def help_(message: Message, job: Job) -> None:
    await job.say(place_of(message), text("help", language_for(message, job.bot)))


async def new(message: Message, job: Job) -> None:
    """Begins a new conversation: what was said before no longer counts."""
    language = language_for(message, job.bot)
    place = place_of(message)
    await job.request("new", chat=place.chat_id, topic=place.topic, person=name_of(message), language=language)
    await job.say(place, text("new", language))
