"""Bots that people make with this one: Telegram tells of each. Where they are wanted, /newbot offers a button and a
link to make one."""

from __future__ import annotations

from aiogram.exceptions import TelegramBadRequest
from aiogram.types import ManagedBotUpdated, Message

from bots.delivery import Later, Place
from bots.formatting import Making, Part
from bots.handlers.addressing import command_of, language_for, place_of
from bots.job import Job
from bots.texts import Text, language_of, text

_SAID: dict[str, Text] = {"connected": "made_bot", "refused": "made_bot_refused", "enough": "made_bot_enough"}


async def made(update: ManagedBotUpdated, job: Job) -> None:
    """Has the new bot connected, or its new token taken, and tells whoever made it. Raises: Later."""
    language = language_of(update.user.language_code, job.bot.language)
    known = await job.ask("managed", managed=update.bot_user.id, person=update.user.id, language=language)
    if known["event"] == "failed":
        raise Later(known["sentence"])
    if known["outcome"] in _SAID:
        name = update.bot_user.username or str(update.bot_user.id)
        await job.say(Place(update.user.id), text(_SAID[known["outcome"]], language, bot=name))


async def invite(message: Message, job: Job) -> bool:
    """Answers /newbot, in a private chat with a bot that takes new ones, by the link to make one."""
    command = command_of(message, job.bot.username)
    if message.chat.type != "private" or command is None or command.name != "newbot":
        return False
    link = str((await job.ask("invitation", managed=0))["link"])
    if not link:
        return False
    place = place_of(message)
    language = await job.language(place, language_for(message, job.bot))
    words = text("make_bot", language, link=link)
    making = Making(text("make_bot_button", language), link.rpartition("/")[2])
    try:
        await job.show(place, [Part(words, making=making)])
    except TelegramBadRequest:  # its owner has taken back, in @BotFather, that it manages others
        await job.say(place, words)
    return True
