"""Questions: of words, files, albums, forwarded messages; and messages that hold none."""

from __future__ import annotations

from collections.abc import Sequence

from aiogram.types import Message

from bots.delivery import Place
from bots.downloads import MAX_FILES, admit, fetched
from bots.formatting import Part
from bots.handlers.addressing import from_another_bot, is_addressed, language_for, name_of, place_of
from bots.handlers.bundles import Bundle, bundle_of
from bots.handlers.contents import Content, content_of, is_said_by_people
from bots.job import Base, Job
from bots.texts import text


async def answer(message: Message, job: Job) -> bool:
    """Answers what people say to the bot; never another bot's words."""
    if from_another_bot(message) or not is_said_by_people(message):
        return False
    alone = message.media_group_id is None and message.forward_origin is None
    if alone and not is_addressed(message, job.bot):
        return False
    bundle = await bundle_of(message, job)
    if bundle is not None:
        await answer_bundle(bundle, job, bundle.base)
    return True


async def answer_bundle(bundle: Bundle, job: Job, base: Base | None) -> None:
    """Asks for the answer and shows it, in place of the one to `base` if there is one."""
    message = bundle.comment or bundle.messages[0]
    fallback, place = language_for(message, job.bot), place_of(message)
    content = content_of(bundle.messages, job.bot, fallback, bundle.comment)
    if base is not None and base.replies:
        job = job.taking_over(base.replies)
    if content.files or content.odd:
        fallback = await job.language(place, fallback)
    files, notes = admit(content.files[:MAX_FILES], job.bot, fallback)
    if len(content.files) > MAX_FILES:
        notes.append(text("too_many_files", fallback, limit=MAX_FILES))
    if not (files or content.words or any(said for _, said in content.attached)):
        if place.business is None:  # to a business's customers nothing is said that is no answer
            await _say_why_not(content, notes, place, job, message)
        return
    async with fetched(files, place, job, fallback) as arrived:
        notes += arrived.notes
        if arrived.files or content.words or any(said for _, said in content.attached):
            await job.answer(
                place,
                fallback,
                base,
                notes=notes,
                chat=place.chat_id,
                topic=place.business or place.topic,
                person=name_of(message) if message.chat.type == "private" else message.chat.title or "",
                author="" if message.chat.type == "private" else name_of(message),
                text=content.words,
                attached=content.attached,
                files=arrived.files,
            )
        elif place.business is None:
            await job.show(place, [Part("\n\n".join(notes))])


async def _say_why_not(content: Content, notes: Sequence[str], place: Place, job: Job, message: Message) -> None:
    """There is no question in it: says what would be one, once."""
    if notes:
        await job.say(place, "\n\n".join(notes))
        return
    language = await job.language(place, language_for(message, job.bot))
    if content.odd is not None:
        await job.say(place, text(content.odd, language))
    elif message.chat.type == "private":
        await job.say(place, text("help", language))
    else:
        await job.say(place, text("help_group", language, bot=job.bot.username))
