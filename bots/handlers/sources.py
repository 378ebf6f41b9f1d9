"""The buttons under an answer: what is behind its numbers.

Anybody who reads the chat sees the passage. In private it comes as a message, with a button that opens the document for
those who have an account; in a group only who pressed sees it, and the chat is not filled.
"""

from __future__ import annotations

import re
from dataclasses import replace

from aiogram.exceptions import TelegramBadRequest
from aiogram.methods import AnswerCallbackQuery
from aiogram.types import CallbackQuery, InaccessibleMessage

from bots.delivery import Place
from bots.formatting import SOURCE_BUTTON, Button, Source, line_of, quoted, shortened
from bots.job import Job
from bots.texts import language_of, text

_DATA = re.compile(SOURCE_BUTTON + r"([0-9a-f]{32}):(\d{1,4})")
ALERT_UNITS = 200


async def show_source(query: CallbackQuery, job: Job) -> bool:
    """Shows the passage. The data comes from outside: the answer must have been given in this very chat."""
    match, message = _DATA.fullmatch(query.data or ""), query.message
    if match is None:
        return False
    if message is None:
        return True
    number, chat = int(match[2]), message.chat
    own = language_of(query.from_user.language_code, job.bot.language)
    found = await job.ask("source", chat=chat.id, answer=match[1], number=number, language=own)
    language = found["language"]
    if not found["text"]:
        await _answer(query, job, chat.id, text("source_gone", language))
        return True
    head = line_of(Source(number, found["name"], found["page"], found["page_end"]), language)
    words = " ".join(found["text"].split())
    if chat.type != "private":
        await _answer(query, job, chat.id, shortened(f"{head}\n{words}", ALERT_UNITS))
        return True
    await _answer(query, job, chat.id, "")
    topic = None if isinstance(message, InaccessibleMessage) else message.message_thread_id
    parts = quoted(head, words)
    if found["address"]:
        parts[-1] = replace(parts[-1], buttons=(Button(text("open_source", language), url=found["address"]),))
    await job.show(Place(chat.id, topic, message.message_id), parts)
    return True


async def _answer(query: CallbackQuery, job: Job, chat_id: int, words: str) -> None:
    call = AnswerCallbackQuery(callback_query_id=query.id, text=words or None, show_alert=bool(words))
    try:
        await job.delivery.call(call, chat_id)
    except TelegramBadRequest:
        return  # too late: the app has stopped waiting by itself
