"""Business accounts of Telegram that a bot is connected to: who owns them, what the bot may, when it keeps silent.

The bot gets what customers write to the account and what its owner writes to them, and answers the customers in the
account's name. Anything that it must know of a chat is read from the inbox: the owner's own messages are updates too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from chatai.core.actor import Actor
from chatai.core.database import UnitOfWork
from chatai.core.errors import Forbidden
from chatai.domains.channels.access import require_run_bots


@dataclass(frozen=True, slots=True)
class Connection:
    """A connected account. `account_id`: Telegram's number of its owner; `can_reply`: the bot may write in its name."""

    connection_id: str
    account_id: int
    name: str
    can_reply: bool
    enabled: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """What holds for one message. `silent`: the owner has written there a short while ago; `deleted`: the message is
    not there any more."""

    connection: Connection
    silent: bool
    deleted: bool


_KEEP = text("""
INSERT INTO bot_business (bot_id, connection_id, workspace_id, account_id, name, can_reply, enabled)
VALUES (:bot, :connection, :workspace, :account, :name, :can_reply, :enabled)
ON CONFLICT (bot_id, connection_id) DO UPDATE
SET account_id = :account, name = :name, can_reply = :can_reply, enabled = :enabled, updated_at = now()
""")

_LIST = text("""
SELECT connection_id, account_id, name, can_reply, enabled FROM bot_business WHERE bot_id = :bot
ORDER BY updated_at DESC LIMIT :most
""")

# By ix_bot_update_chat: the rows of one chat. What Telegram sends by itself (a greeting, a message for the absence)
# and what another bot sends in the account's name is none of the owner's doing.
_STANDING = text("""
SELECT connection_id, account_id, name, can_reply, enabled,
    EXISTS (
        SELECT FROM bot_update u CROSS JOIN LATERAL (SELECT u.payload -> 'business_message' AS said) m
        WHERE u.bot_id = :bot AND u.chat_id = :chat AND u.received_at > now() - make_interval(mins => :minutes)
            AND said ->> 'business_connection_id' = :connection
            AND said -> 'from' ->> 'id' = bot_business.account_id::text
            AND NOT said ? 'sender_business_bot' AND said ->> 'is_from_offline' IS DISTINCT FROM 'true'
    ) AS silent,
    EXISTS (
        SELECT FROM bot_update u CROSS JOIN LATERAL (SELECT u.payload -> 'deleted_business_messages' AS gone) d
        WHERE u.bot_id = :bot AND u.chat_id = :chat AND gone ->> 'business_connection_id' = :connection
            AND gone -> 'message_ids' @> to_jsonb(CAST(:message AS bigint))
    ) AS deleted
FROM bot_business WHERE bot_id = :bot AND connection_id = :connection
""")


async def keep_connection(uow: UnitOfWork, actor: Actor, connection: Connection) -> None:
    """Keeps what Telegram tells of a connection. Raises: Forbidden."""
    values = {
        "bot": _bot(actor),
        "connection": connection.connection_id[:128],
        "workspace": actor.workspace_id,
        "account": connection.account_id,
        "name": connection.name.replace("\0", "")[:200],
        "can_reply": connection.can_reply,
        "enabled": connection.enabled,
    }
    await uow.session.execute(_KEEP, values)


async def standing(
    uow: UnitOfWork, actor: Actor, connection_id: str, chat_id: int, message_id: int, silence_minutes: int
) -> Standing | None:
    """What holds for a message of a customer; None: the connection is not known. Raises: Forbidden."""
    values = {"bot": _bot(actor), "connection": connection_id, "chat": chat_id, "message": message_id}
    found = (await uow.session.execute(_STANDING, values | {"minutes": silence_minutes})).one_or_none()
    return None if found is None else Standing(Connection(*found[:5]), found.silent, found.deleted)


async def list_connections(uow: UnitOfWork, actor: Actor, bot_id: UUID, most: int = 20) -> Sequence[Connection]:
    """The accounts that the bot is or was connected to, those that changed last first. Raises: Forbidden."""
    require_run_bots(actor)
    return [Connection(*row) for row in await uow.session.execute(_LIST, {"bot": bot_id, "most": most})]


def _bot(actor: Actor) -> UUID:
    if actor.kind != "bot" or actor.bot_id is None:
        raise Forbidden
    return actor.bot_id
