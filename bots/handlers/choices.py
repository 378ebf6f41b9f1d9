"""Buttons that people press."""

from __future__ import annotations

from aiogram.exceptions import TelegramBadRequest
from aiogram.methods import AnswerCallbackQuery, GetChatMember
from aiogram.types import CallbackQuery, Message

from bots.delivery import Place
from bots.formatting import Part
from bots.job import Job
from bots.texts import language_of, text
from chatai.core.i18n import LANGUAGES, Language

_CHOICE = "language:"


async def choose_language(query: CallbackQuery, job: Job) -> bool:
    """Keeps the choice for the chat, and shows it where the buttons were. In a group only for its admins."""
    data, message = query.data or "", query.message
    chosen = data.removeprefix(_CHOICE)
    if not data.startswith(_CHOICE) or chosen not in LANGUAGES or message is None:
        return False
    language: Language = chosen
    place = Place(message.chat.id)
    if message.chat.type != "private" and not await _is_admin(query, job, place):
        own = language_of(query.from_user.language_code, job.bot.language)
        await _answer(query, job, place, text("only_admins", own), alert=True)
        return True
    about = {"chat_kind": message.chat.type, "title": message.chat.title}
    await job.ask("choose", chat=place.chat_id, language=language, **about)
    job.link.remember_choice(place.chat_id, language)
    await _answer(query, job, place, text("language_chosen", language))
    if isinstance(message, Message):  # one that is too old comes without its content, and cannot be changed
        replies = job.replies or [message.message_id]
        await job.taking_over(replies).show(place, [Part(text("language_chosen", language))])
    return True


async def answer_unknown(query: CallbackQuery, job: Job) -> None:
    """A button of an older version: the app stops waiting."""
    await _answer(query, job, Place(query.message.chat.id if query.message else query.from_user.id), "")


async def _is_admin(query: CallbackQuery, job: Job, place: Place) -> bool:
    try:
        call = GetChatMember(chat_id=place.chat_id, user_id=query.from_user.id)
        member = await job.delivery.call(call, place.chat_id)
    except TelegramBadRequest:
        return False
    return member.status in {"creator", "administrator"}


async def _answer(query: CallbackQuery, job: Job, place: Place, words: str, *, alert: bool = False) -> None:
    call = AnswerCallbackQuery(callback_query_id=query.id, text=words or None, show_alert=alert)
    try:
        await job.delivery.call(call, place.chat_id)
    except TelegramBadRequest:
        return  # too late: the app has stopped waiting by itself
