"""What bots ask of the answer process besides answers: greetings, languages, chats, what came before."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from bots.updates import message_in
from bots.wire import Message
from chatai.core.actor import Actor
from chatai.core.database import Database, DatabaseAway
from chatai.core.settings import get_settings
from chatai.domains.assistants import service as assistants
from chatai.domains.channels import business, chats, managed
from chatai.domains.channels.chats import ChatChange, EarlierUpdate
from chatai.domains.conversations import service as conversations
from chatai.domains.conversations.errors import ConversationNotFound
from chatai.domains.conversations.schemas import citation_path

LONGEST_QUOTE = 3_000
LARGEST_PAYLOAD = 40_000
"""Bytes of an update that is handed to a neighbour. One that is larger is no message of a person."""
UNWRITTEN_SECONDS = 2.0
LOOK_SECONDS = 0.02


async def answer(database: Database, actor: Actor, kind: str, ask: Message) -> dict[str, Any]:
    """The answer's fields; see `answers` for the kinds. Raises: DatabaseAway."""
    match kind:
        case "around":
            return {"updates": await _around(database, actor, ask)}
        case "managed":
            maker = (UUID(ask["bot"]), ask["managed"], ask.get("person", 0))
            outcome, username = await managed.take_over(database, actor.workspace_id, *maker)
            return {"outcome": outcome, "username": username}
        case "invitation":
            return {"link": await managed.invitation_of(database, actor.workspace_id, UUID(ask["bot"]))}
        case "business":
            return await _business(database, actor, ask)
        case "connected":
            async with database.workspace(actor.workspace_id) as uow:
                names = ("connection_id", "account_id", "name", "username", "can_reply", "enabled")
                told = business.Connection(**{name: ask[name] for name in names})
                return {"allowed": await business.keep_connection(uow, actor, told)}
        case "migrated":
            async with database.workspace(actor.workspace_id) as uow:
                await chats.migrate_chat(uow, actor, ask["chat"], ask["to"])
                old, new = (conversation_name(ask["bot"], chat) for chat in (ask["chat"], ask["to"]))
                await conversations.rename_conversations(uow, actor, "telegram", old, new)
            return {}
        case "source":
            return await _source(database, actor, ask)
    async with database.workspace(actor.workspace_id) as uow:
        greeting = ""
        match kind:
            case "greeting":
                greeting = (await assistants.get_assistant(uow, actor, UUID(ask["assistant"]))).greeting
                change = ChatChange(ask["chat_kind"], ask["title"], source=ask["source"])
                await chats.remember_chat(uow, actor, ask["chat"], change)
            case "choose":
                change = ChatChange(ask["chat_kind"], ask["title"], language=ask["language"])
                await chats.remember_chat(uow, actor, ask["chat"], change)
            case "presence":
                change = ChatChange(ask["chat_kind"], ask["title"], here=ask["here"])
                await chats.remember_chat(uow, actor, ask["chat"], change)
        chosen = await chats.chosen_language(uow, actor, ask["chat"])
    return {"text": greeting, "language": chosen or ask["language"]}


def conversation_name(bot: str, chat: int, topic: int | str | None = None) -> str:
    """What the conversations domain calls a chat's or a topic's conversation; or that of a business account's chat,
    whose connection stands in the topic's place."""
    return ":".join(str(part) for part in (bot, chat, topic) if part is not None)


async def _business(database: Database, actor: Actor, ask: Message) -> dict[str, Any]:
    """Whose account it is, and whether this message is to be answered."""
    minutes = get_settings().business_silence_minutes
    async with database.workspace(actor.workspace_id) as uow:
        place = (ask["connection"], ask["chat"], ask["message"])
        found = await business.standing(uow, actor, *place, update=ask["update"], silence_minutes=minutes)
    if found is None:
        return {"known": False}
    account = found.connection
    free = account.answers and not found.silent and not found.deleted
    told = {"known": True, "account": account.account_id, "name": account.name, "number": business.ANSWERS_AN_HOUR}
    return told | {"answers": free and not found.full, "full": free and found.full}


async def _source(database: Database, actor: Actor, ask: Message) -> dict[str, Any]:
    """The passage behind an answer's number, for the chat that got the answer; empty where there is none."""
    async with database.workspace(actor.workspace_id) as uow:
        language = await chats.chosen_language(uow, actor, ask["chat"]) or ask["language"]
        try:
            talk = conversation_name(ask["bot"], ask["chat"])
            found = await conversations.get_citation(uow, actor, talk, UUID(ask["answer"]), ask["number"])
        except (ConversationNotFound, ValueError):
            return {"text": "", "language": language}
    pages = get_settings().page_url
    address = f"{pages}{citation_path(found)}" if pages.startswith("https://") and found.document_id else ""
    return {
        "text": found.quote[:LONGEST_QUOTE],
        "name": found.document_name,
        "page": found.page,
        "page_end": found.page_end,
        "address": address,
        "language": language,
    }


async def _around(database: Database, actor: Actor, ask: Message) -> list[dict[str, Any]]:
    """A chat's updates go one after the other, so those before are settled; that this is written may take a moment
    longer, and is waited for. Raises: DatabaseAway: it is not written."""
    for _ in range(int(UNWRITTEN_SECONDS / LOOK_SECONDS)):
        async with database.workspace(actor.workspace_id) as uow:
            found = await chats.updates_around(uow, actor, ask["chat"], ask["update"], ask["most"])
        wanted = [row for row in found if not ask["message"] or _is_about(row, ask["message"], ask.get("business"))]
        if not any(row.state in {"new", "taken"} for row in wanted if row.update_id < ask["update"]):
            return _rows(wanted)
        await asyncio.sleep(LOOK_SECONDS)
    raise DatabaseAway


def _is_about(row: EarlierUpdate, message_id: int, account: str | None) -> bool:
    message = message_in(row.payload, account)
    return message is not None and message.get("message_id") == message_id


def _rows(found: Sequence[EarlierUpdate]) -> list[dict[str, Any]]:
    return [
        {
            "update": row.update_id,
            "payload": row.payload if len(json.dumps(row.payload)) <= LARGEST_PAYLOAD else {},
            "replies": row.replies,
            "received": row.received_at.timestamp(),
            "done": row.done_at.timestamp() if row.done_at else 0,
        }
        for row in found
    ]
