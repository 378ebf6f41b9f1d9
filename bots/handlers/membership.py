"""The bot is added to a chat, removed, blocked; a group becomes a supergroup."""

from __future__ import annotations

from aiogram.types import ChatMemberUpdated, Message

from bots.delivery import Place
from bots.job import Job
from bots.texts import language_of, text

_AWAY = {"left", "kicked"}


async def changed(update: ChatMemberUpdated, job: Job) -> None:
    """Remembers whether the chat is still there, and says hello in a group that the bot was added to."""
    was_here = update.old_chat_member.status not in _AWAY
    here = update.new_chat_member.status not in _AWAY
    chat = update.chat
    fallback = language_of(update.from_user.language_code, job.bot.language)
    title = chat.title or update.from_user.full_name
    known = await job.ask("presence", chat=chat.id, chat_kind=chat.type, title=title, here=here, language=fallback)
    if here and not was_here and chat.type in {"group", "supergroup"}:
        await job.say(Place(chat.id), text("added", known["language"], bot=job.bot.username))


async def migrated(message: Message, job: Job) -> bool:
    """A notice that the group goes on under another number. Telegram sends it in the old group and in the new one; what
    is done twice is done once."""
    if not (message.migrate_to_chat_id or message.migrate_from_chat_id):
        return False
    old, new = message.chat.id, message.migrate_to_chat_id
    if message.migrate_from_chat_id:
        old, new = message.migrate_from_chat_id, message.chat.id
    await job.ask("migrated", chat=old, to=new)
    return True
