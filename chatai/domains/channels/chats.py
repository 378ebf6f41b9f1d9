"""What a bot remembers of its chats, and what it may look up of what came in before. For the bot itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString, cast
from uuid import UUID

from sqlalchemy import text

from chatai.core.actor import Actor
from chatai.core.database import UnitOfWork
from chatai.core.errors import Forbidden
from chatai.core.i18n import LANGUAGES, Language
from chatai.core.statements import Runs
from chatai.domains.channels.schemas import UpdateState


@dataclass(frozen=True, slots=True)
class ChatChange:
    """What is new of a bot's chat; None leaves what is known. `here`: the bot can write there."""

    kind: str | None = None
    title: str | None = None
    language: Language | None = None
    source: str | None = None
    here: bool = True


@dataclass(frozen=True, slots=True)
class EarlierUpdate:
    """An update of the chat as its bot looks it up; `replies` are the messages that answer it."""

    update_id: int
    state: UpdateState
    payload: dict[str, Any]
    replies: tuple[int, ...]
    received_at: datetime
    done_at: datetime | None


_REMEMBER = text("""
INSERT INTO bot_chat (bot_id, chat_id, workspace_id, kind, title, language, source, gone_at)
VALUES (:bot, :chat, :workspace, coalesce(:kind, 'private'), coalesce(:title, ''), coalesce(:language, ''),
        coalesce(:source, ''), CASE WHEN :here THEN NULL ELSE now() END)
ON CONFLICT (bot_id, chat_id) DO UPDATE
SET kind = coalesce(:kind, bot_chat.kind), title = coalesce(:title, bot_chat.title),
    language = coalesce(:language, bot_chat.language), source = coalesce(:source, bot_chat.source),
    gone_at = CASE WHEN :here THEN NULL ELSE coalesce(bot_chat.gone_at, now()) END, updated_at = now()
""")

_LANGUAGE: LiteralString = "SELECT language FROM bot_chat WHERE bot_id = %(bot)s AND chat_id = %(chat)s"

_MIGRATE = text("""
INSERT INTO bot_chat (bot_id, chat_id, workspace_id, kind, title, language, source)
SELECT bot_id, :to, workspace_id, 'supergroup', title, language, source FROM bot_chat
WHERE bot_id = :bot AND chat_id = :chat
ON CONFLICT DO NOTHING
""")

# By ix_bot_update_chat: a few rows of one chat, however many the bot has.
_AROUND = text("""
(SELECT update_id, state, payload, reply_message_ids, received_at, done_at FROM bot_update
 WHERE bot_id = :bot AND chat_id = :chat AND update_id < :update ORDER BY update_id DESC LIMIT :most)
UNION ALL
(SELECT update_id, state, payload, reply_message_ids, received_at, done_at FROM bot_update
 WHERE bot_id = :bot AND chat_id = :chat AND update_id >= :update ORDER BY update_id LIMIT :most)
ORDER BY update_id
""")


async def chosen_language(uow: Runs, actor: Actor, chat_id: int) -> Language | None:
    """What was chosen in the chat with /language, if anything was. Raises: Forbidden."""
    rows = await uow.run(_LANGUAGE, {"bot": _bot(actor), "chat": chat_id})
    return cast(Language, rows[0][0]) if rows and rows[0][0] in LANGUAGES else None


async def remember_chat(uow: UnitOfWork, actor: Actor, chat_id: int, change: ChatChange) -> None:
    """Keeps what is new of a chat. Raises: Forbidden."""
    values = {
        "bot": _bot(actor),
        "chat": chat_id,
        "workspace": actor.workspace_id,
        "kind": change.kind,
        "title": None if change.title is None else change.title.replace("\0", "")[:200],
        "language": change.language,
        "source": None if change.source is None else change.source[:64],
        "here": change.here,
    }
    await uow.session.execute(_REMEMBER, values)


async def migrate_chat(uow: UnitOfWork, actor: Actor, chat_id: int, to: int) -> None:
    """A group has become a supergroup: what was chosen holds under its new number. Raises: Forbidden."""
    await uow.session.execute(_MIGRATE, {"bot": _bot(actor), "chat": chat_id, "to": to})
    await remember_chat(uow, actor, chat_id, ChatChange(here=False))


async def updates_around(
    uow: UnitOfWork, actor: Actor, chat_id: int, update_id: int, most: int
) -> Sequence[EarlierUpdate]:
    """What else came in the chat: up to `most` updates before this one, and as many from it on. Raises: Forbidden."""
    values = {"bot": _bot(actor), "chat": chat_id, "update": update_id, "most": most}
    return [
        EarlierUpdate(
            row.update_id,
            cast(UpdateState, row.state),
            cast(dict[str, Any], row.payload),
            tuple(row.reply_message_ids),
            row.received_at,
            row.done_at,
        )
        for row in await uow.session.execute(_AROUND, values)
    ]


def _bot(actor: Actor) -> UUID:
    """Only a bot asks, and only of its own chats."""
    if actor.kind != "bot" or actor.bot_id is None:
        raise Forbidden
    return actor.bot_id
