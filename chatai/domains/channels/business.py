"""Business accounts of Telegram that a bot is connected to: who owns them, what the bot may, when it keeps silent.

The bot gets what customers write to the account and what its owner writes to them, and answers the customers in the
account's name. Anything that it must know of a chat is read from the inbox: the owner's own messages are updates too.

Anybody can connect their account to a bot that takes such. So an account is answered for only once the bot's people
have allowed it; that holds for the account, also when it is connected anew under another identifier.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from chatai.core.actor import Actor
from chatai.core.database import UnitOfWork
from chatai.core.errors import Forbidden
from chatai.domains.audit import service as audit
from chatai.domains.channels import repository
from chatai.domains.channels.access import require_manage_bots, require_run_bots

ANSWERS_AN_HOUR = 30
"""In one chat of an account, more than a customer asks for. Two accounts that both have a bot answer each other, and
take each other's answers for a customer's words: where one falls silent, the other one has nothing to answer either."""


@dataclass(frozen=True, slots=True)
class Connection:
    """A connected account. `account_id` and `username`: Telegram's, of its owner; `can_reply`: the owner lets the bot
    write in the account's name; `allowed`: the bot's people let it."""

    connection_id: str
    account_id: int
    name: str
    username: str
    can_reply: bool
    enabled: bool
    allowed: bool = False

    @property
    def answers(self) -> bool:
        return self.enabled and self.can_reply and self.allowed


@dataclass(frozen=True, slots=True)
class Standing:
    """What holds for one message. `silent`: the owner has written there a short while ago; `deleted`: the message is
    not there any more; `full`: the chat has got as many answers as it may, for now."""

    connection: Connection
    silent: bool
    deleted: bool
    full: bool


_KEEP = text("""
INSERT INTO bot_business (bot_id, connection_id, workspace_id, account_id, name, username, can_reply, enabled, allowed)
VALUES (
    :bot, :connection, :workspace, :account, :name, :username, :can_reply, :enabled,
    EXISTS (SELECT FROM bot_business WHERE bot_id = :bot AND account_id = :account AND allowed)
)
ON CONFLICT (bot_id, connection_id) DO UPDATE
SET account_id = :account, name = :name, username = :username, can_reply = :can_reply, enabled = :enabled,
    allowed = excluded.allowed, updated_at = now()
RETURNING allowed
""")

# Each account once, as it was connected last. Who has gone without having been allowed is nobody to show.
_LIST = text("""
SELECT connection_id, account_id, name, username, can_reply, enabled, allowed FROM (
    SELECT DISTINCT ON (account_id) * FROM bot_business WHERE bot_id = :bot
    ORDER BY account_id, enabled DESC, updated_at DESC
) AS latest
WHERE enabled OR allowed ORDER BY allowed DESC, enabled DESC, updated_at DESC LIMIT :most
""")

# Who connects and who stops an account at the same moment must see each other.
_ONE_AT_A_TIME = text("SELECT 1 FROM bot WHERE id = :bot FOR NO KEY UPDATE")

_ALLOW = text("""
UPDATE bot_business SET allowed = :allowed WHERE bot_id = :bot AND account_id = :account AND allowed <> :allowed
RETURNING connection_id
""")

# By ix_bot_update_chat: the rows of one chat. What Telegram sends by itself (a greeting, a message for the absence)
# and what another bot sends in the account's name is none of the owner's doing. An answer that a changed message got in
# place is not seen by its number, so each change counts: what another bot says may grow before our eyes.
_STANDING = text("""
SELECT connection_id, account_id, name, username, can_reply, enabled, allowed,
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
    ) AS deleted,
    (
        SELECT count(*) FROM bot_update u CROSS JOIN LATERAL (
            SELECT coalesce(u.payload -> 'business_message', u.payload -> 'edited_business_message') AS said
        ) m
        WHERE u.bot_id = :bot AND u.chat_id = :chat AND u.update_id <> :update
            AND u.received_at > now() - interval '1 hour'
            AND (u.reply_message_ids <> '[]' OR u.payload ? 'edited_business_message')
            AND said ->> 'business_connection_id' = :connection
            AND said -> 'from' ->> 'id' <> bot_business.account_id::text
    ) >= :most AS full
FROM bot_business WHERE bot_id = :bot AND connection_id = :connection
""")


async def keep_connection(uow: UnitOfWork, actor: Actor, connection: Connection) -> bool:
    """Keeps what Telegram tells of a connection; whether the account is allowed. Raises: Forbidden."""
    values = {
        "bot": _bot(actor),
        "connection": connection.connection_id[:128],
        "workspace": actor.workspace_id,
        "account": connection.account_id,
        "name": connection.name.replace("\0", "")[:200],
        "username": connection.username.replace("\0", "")[:64],
        "can_reply": connection.can_reply,
        "enabled": connection.enabled,
    }
    await uow.session.execute(_ONE_AT_A_TIME, {"bot": values["bot"]})
    return bool((await uow.session.execute(_KEEP, values)).scalar_one())


async def standing(
    uow: UnitOfWork,
    actor: Actor,
    connection_id: str,
    chat_id: int,
    message_id: int,
    *,
    update: int,
    silence_minutes: int,
) -> Standing | None:
    """What holds for a message of a customer; None: the connection is not known. Raises: Forbidden."""
    values = {
        "bot": _bot(actor),
        "connection": connection_id,
        "chat": chat_id,
        "message": message_id,
        "update": update,
        "minutes": silence_minutes,
        "most": ANSWERS_AN_HOUR,
    }
    found = (await uow.session.execute(_STANDING, values)).one_or_none()
    return None if found is None else Standing(Connection(*found[:7]), found.silent, found.deleted, found.full)


async def allow(uow: UnitOfWork, actor: Actor, bot_id: UUID, account_id: int, allowed: bool) -> None:
    """Lets the bot answer for an account, or no longer. One that never connected is passed over.

    Raises:
        MayNotManageBots: The role does not cover it.
        BotNotFound: There is no such bot in the workspace.
    """
    require_manage_bots(actor)
    await repository.require(uow, bot_id)
    await uow.session.execute(_ONE_AT_A_TIME, {"bot": bot_id})
    changed = await uow.session.execute(_ALLOW, {"bot": bot_id, "account": account_id, "allowed": allowed})
    if changed.all():
        action = "channels:business:allow" if allowed else "channels:business:stop"
        await audit.record(uow, actor, action, bot_id, account=account_id)


async def list_connections(uow: UnitOfWork, actor: Actor, bot_id: UUID, most: int = 50) -> Sequence[Connection]:
    """The accounts that the bot is connected to, and those that are allowed but gone; those that are allowed first.
    Raises: MayNotManageBots."""
    require_run_bots(actor)
    return [Connection(*row) for row in await uow.session.execute(_LIST, {"bot": bot_id, "most": most})]


def _bot(actor: Actor) -> UUID:
    if actor.kind != "bot" or actor.bot_id is None:
        raise Forbidden
    return actor.bot_id
