"""Questions that people change after they sent them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from aiogram.types import Message

from bots.handlers.addressing import from_another_bot, is_addressed, words_of
from bots.handlers.bundles import Bundle
from bots.handlers.messages import answer_bundle
from bots.job import Base, Job
from bots.updates import message_in

NEW_ENOUGH = timedelta(minutes=15)
"""An older message was read and answered long ago: who changes it tidies up."""
LOOK_BACK = 300
_NO_WORDS = re.compile(r"[\W_]+")


async def edited(message: Message, job: Job) -> None:
    """Answers the question anew where its answer stands. Nothing is done for old messages, for commands, for an item
    of an album, and where the words stay the same: Telegram tells also of changes that nobody sees."""
    if from_another_bot(message) or message.media_group_id is not None or message.edit_date is None:
        return
    words = message.text or message.caption or ""
    if not words or words.startswith("/") or not is_addressed(message, job.bot):
        return
    if datetime.fromtimestamp(message.edit_date, UTC) - message.date > NEW_ENOUGH:
        return
    business = message.business_connection_id
    earlier = [
        row
        for row in await job.around(message.chat.id, LOOK_BACK, message.message_id, business=business)
        if row.update < job.update
    ]
    if earlier and _said(earlier[-1].payload, business) == _plain(words):
        return
    base = None
    if earlier:
        replies = next((row.replies for row in reversed(earlier) if row.replies), ())
        base = Base(earlier[0].update, list(replies))
    if words_of(message, job.bot):
        await answer_bundle(Bundle([message]), job, base)


def _said(payload: dict[str, Any], business: str | None) -> str:
    found = message_in(payload, business) or {}
    return _plain(str(found.get("text") or found.get("caption") or ""))


def _plain(words: str) -> str:
    """Letters and digits alone: a comma more makes no other question."""
    return _NO_WORDS.sub(" ", words).strip().casefold()
