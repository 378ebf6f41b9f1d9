"""/start, /help, /new, /language, and what is said to a command that nobody knows."""

from __future__ import annotations

import re

from aiogram.types import Message

from bots.formatting import Button, Part
from bots.handlers.addressing import Command, command_of, from_another_bot, language_for, name_of, place_of
from bots.job import Job
from bots.texts import text

LANGUAGE_BUTTONS = (Button("Русский", "language:ru"), Button("English", "language:en"))
_PAYLOAD = re.compile(r"[A-Za-z0-9_-]{1,64}")


async def command(message: Message, job: Job) -> bool:
    """Does what a command says. One that nobody knows is a question like any other if there are words after it: "/price
    of the blue one"."""
    given = command_of(message, job.bot.username)
    if given is None or from_another_bot(message):
        return False
    match given.name:
        case "start":
            await start(message, job, given)
        case "help":
            await help_(message, job)
        case "new":
            await new(message, job)
        case "language":
            await language_(message, job)
        case _ if given.words:
            return False
        case _:
            await unknown(message, job, given)
    return True


async def start(message: Message, job: Job, given: Command) -> None:
    """Greets as the assistant's owner wrote it. The payload of a link that led here is kept with the chat."""
    payload = _PAYLOAD.fullmatch(given.words)
    source = payload[0] if payload else None
    fallback, place = language_for(message, job.bot), place_of(message)
    greeting = await job.ask(
        "greeting",
        language=fallback,
        chat=place.chat_id,
        chat_kind=message.chat.type,
        title=message.chat.title or name_of(message),
        source=source,
    )
    if message.chat.type == "private":
        await job.say(place, greeting["text"] or text("help", greeting["language"]))
    elif source is None:  # by such a link the bot has just been added, and has said hello
        await job.say(place, text("help_group", greeting["language"], bot=job.bot.username))


async def help_(message: Message, job: Job) -> None:
    place = place_of(message)
    language = await job.language(place, language_for(message, job.bot))
    private = message.chat.type == "private"
    await job.say(place, text("help", language) if private else text("help_group", language, bot=job.bot.username))


async def new(message: Message, job: Job) -> None:
    """Begins a new conversation: what was said before no longer counts."""
    place = place_of(message)
    fallback = language_for(message, job.bot)
    begun = await job.ask("new", chat=place.chat_id, topic=place.topic, person=name_of(message), language=fallback)
    await job.say(place, text("new", begun["language"]))


async def language_(message: Message, job: Job) -> None:
    """Asks which language to speak; the button that is pressed comes to `choices`."""
    place = place_of(message)
    language = await job.language(place, language_for(message, job.bot))
    await job.show(place, [Part(text("choose_language", language), buttons=LANGUAGE_BUTTONS)])


async def unknown(message: Message, job: Job, given: Command) -> None:
    """In a group only when it names this bot: others may know the command."""
    if message.chat.type == "private" or given.named:
        place = place_of(message)
        await job.say(place, text("unknown_command", await job.language(place, language_for(message, job.bot))))
