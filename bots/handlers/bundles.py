"""Messages that belong together: the items of an album, and messages forwarded at once with the words before them.

Telegram brings each as an update of its own. The first answers for all, as soon as no more come; the others have
nothing left to do. All of it is looked up in the inbox, so a crash in between loses nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from aiogram.types import Message
from pydantic import ValidationError

from bots.handlers.addressing import command_of, is_addressed
from bots.job import Around, Base, Job

QUIET_SECONDS = 0.8
"""When so long no further one has come, all are there."""
LONGEST_WAIT = 4.0
LOOK_SECONDS = 0.2
TOGETHER = timedelta(seconds=2)
"""What is forwarded in one go carries almost the same time, and so do the words that go with it."""
NEIGHBOURS = 24


@dataclass(frozen=True, slots=True)
class Bundle:
    """What is answered together. `comment`: what was written along with it, and `base`: the answer to that so far."""

    messages: list[Message]
    comment: Message | None = None
    base: Base | None = None


@dataclass(frozen=True, slots=True)
class _Item:
    row: Around
    message: Message


async def bundle_of(message: Message, job: Job) -> Bundle | None:
    """The messages that this one is answered with; None when another one does it, or none is meant for the bot."""
    if message.media_group_id is None and message.forward_origin is None:
        return Bundle([message])
    started = changed = time.monotonic()
    known = 0
    while True:
        items = _messages(await job.around(message.chat.id, NEIGHBOURS), message.business_connection_id)
        place = next((place for place, item in enumerate(items) if item.row.update == job.update), None)
        if place is None:
            return Bundle([message])
        first, last = _run(items, place)
        comment = _comment(items, first, job)
        answers = first if comment and is_addressed(comment.message, job.bot) else _addressed(items, first, last, job)
        if answers is None:
            return None
        if answers != place:
            if not items[answers].row.done_before(items[place].row):
                return None
            first, comment = place, None  # it came when the others were answered
        now = time.monotonic()
        if last - first + 1 != known:
            known, changed = last - first + 1, now
        if now - changed >= QUIET_SECONDS or now - started >= LONGEST_WAIT:
            break
        await asyncio.sleep(LOOK_SECONDS)
    messages = [item.message for item in items[first : last + 1]]
    if comment is None:
        return Bundle(messages)
    return Bundle(messages, comment.message, Base(comment.row.update, list(comment.row.replies)))


def _addressed(items: Sequence[_Item], first: int, last: int, job: Job) -> int | None:
    """The one that answers for all: the first that is meant for the bot."""
    return next((place for place in range(first, last + 1) if is_addressed(items[place].message, job.bot)), None)


def _comment(items: Sequence[_Item], first: int, job: Job) -> _Item | None:
    """The words right before what was forwarded, if they go with it."""
    if not first or items[first].message.forward_origin is None:
        return None
    before = items[first - 1]
    return before if _goes_with(before.message, items[first].message, job) else None


def _messages(rows: Sequence[Around], business: str | None) -> list[_Item]:
    items = []
    for row in rows:
        try:
            message = Message.model_validate(row.payload.get("business_message" if business else "message"))
        except ValidationError:
            continue  # of another kind: an edit, a button
        if message.business_connection_id == business:
            items.append(_Item(row, message))
    return items


def _run(items: Sequence[_Item], place: int) -> tuple[int, int]:
    """The first and the last of those around that belong together with the one at `place`."""
    first = last = place
    while first > 0 and _together(items[first - 1].message, items[first].message):
        first -= 1
    while last + 1 < len(items) and _together(items[last].message, items[last + 1].message):
        last += 1
    return first, last


def _together(one: Message, other: Message) -> bool:
    if one.media_group_id is not None and one.media_group_id == other.media_group_id:
        return True
    return one.forward_origin is not None and other.forward_origin is not None and _at_once(one, other)


def _at_once(one: Message, other: Message) -> bool:
    same = one.from_user is not None and other.from_user is not None and one.from_user.id == other.from_user.id
    return same and other.date - one.date <= TOGETHER


def _goes_with(comment: Message, forwarded: Message, job: Job) -> bool:
    words = comment.forward_origin is None and comment.text is not None
    return words and command_of(comment, job.bot.username) is None and _at_once(comment, forwarded)
