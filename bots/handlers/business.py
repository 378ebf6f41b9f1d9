"""The chats of a business account that the bot is connected to: customers are answered in the account's name, once the
bot's people have allowed that.

The bot gets all that is written there, also by the account's owner: to whom it never answers, and after whose own words
it keeps silent in that chat for a while. What it may not, what was deleted meanwhile, and what Telegram sent by itself
(a greeting, a message for the absence), it leaves alone. Of one chat it answers no more than
`channels.business.ANSWERS_AN_HOUR` messages: who writes there may be another account's bot.
"""

from __future__ import annotations

from aiogram.methods import GetBusinessConnection
from aiogram.types import BusinessConnection, BusinessMessagesDeleted, Message

from bots.handlers import edits, messages
from bots.handlers.addressing import from_another_bot
from bots.handlers.contents import is_said_by_people
from bots.job import Job


async def connected(connection: BusinessConnection, job: Job) -> None:
    """An account was connected, disconnected, or its owner changed what the bot may."""
    rights = connection.rights
    known = await job.ask(
        "connected",
        connection_id=connection.id,
        account_id=connection.user.id,
        name=connection.user.full_name,
        username=connection.user.username or "",
        can_reply=bool(rights.can_reply if rights is not None else connection.can_reply),
        enabled=connection.is_enabled,
    )
    if connection.is_enabled and not known["allowed"]:
        job.link.tell("business_waiting", name=connection.user.full_name)


async def answer(message: Message, job: Job) -> None:
    if is_said_by_people(message) and await _is_for_us(message, job):
        await messages.answer(message, job)


async def edited(message: Message, job: Job) -> None:
    if await _is_for_us(message, job):
        await edits.edited(message, job)


async def deleted(_deletion: BusinessMessagesDeleted, _job: Job) -> None:
    """Nothing to do now: a message is answered only if the inbox does not say that it was deleted."""


async def _is_for_us(message: Message, job: Job) -> bool:
    """Whether a customer wrote it, and the bot may answer there now. Raises as `Delivery.call`, and Later."""
    connection, author = message.business_connection_id, message.from_user
    if connection is None or author is None or message.sender_business_bot is not None or from_another_bot(message):
        return False
    if message.is_from_offline:
        return False
    asked = {"connection": connection, "chat": message.chat.id, "message": message.message_id}
    standing = await job.ask("business", **asked)
    if not standing["known"]:  # it was made before we asked to be told
        found = await job.delivery.call(GetBusinessConnection(business_connection_id=connection), message.chat.id)
        await connected(found, job)
        standing = await job.ask("business", **asked)
    if not standing["known"] or author.id == standing["account"]:
        return False
    if standing["full"]:
        job.link.tell_once("business_full", message.chat.id, name=standing["name"], number=standing["number"])
    return bool(standing["answers"])
