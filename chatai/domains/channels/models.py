"""Telegram bots and the updates that they received."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Column, Index
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from chatai.core.tables import TenantRow, timestamp


class Bot(TenantRow, table=True):
    """A Telegram bot, what its owner wants of it, and how it is."""

    __tablename__ = "bot"

    assistant_id: UUID = Field(foreign_key="assistant.id", ondelete="CASCADE", index=True)
    telegram_id: int = Field(sa_type=BigInteger, unique=True)
    username: str = Field(max_length=64)
    name: str = Field(max_length=100)
    token_encrypted: str = Field(max_length=500)
    webhook_secret: str = Field(max_length=64)
    webhook_url: str = Field(default="", max_length=300, description="What Telegram was last told; empty: nothing.")
    mode: str = Field(default="polling", max_length=16, description="polling or webhook.")
    desired_state: str = Field(default="running", max_length=16, description="running or stopped.")
    state: str = Field(default="stopped", max_length=16, description="See BotState in schemas.")
    state_reason: str = Field(default="", max_length=500, description="Code of the error that explains the state.")
    last_error: str = Field(default="", max_length=500, description="What Telegram or the process said, in English.")
    polling_offset: int = Field(default=0, sa_type=BigInteger)
    always_on: bool = Field(default=False, description="Its process stays also when there is nothing to do.")
    description: str = Field(default="", max_length=512, description="What an empty chat shows, as Telegram has it.")
    short_description: str = Field(default="", max_length=120, description="What the bot's profile shows.")
    webhook_error: str = Field(default="", max_length=500, description="Why Telegram's last post failed, in its words.")
    webhook_error_at: datetime | None = timestamp(nullable=True)
    webhook_pending: int = Field(default=0, description="Updates that wait at Telegram, when it was last asked.")
    managed_by: UUID | None = Field(
        default=None, foreign_key="bot.id", ondelete="SET NULL", index=True, description="The bot that made this one."
    )
    made_by: int | None = Field(
        default=None, sa_type=BigInteger, description="Telegram's number of the person who made it with that one."
    )
    made_bots: str = Field(
        default="", max_length=16, description="Bots that people make with it: see MadeBots in schemas."
    )
    commands_told: str = Field(default="", max_length=16, description="Which list of commands: see LIST_VERSION.")
    updated_at: datetime = timestamp(default=True)  # moved by people only: the bot manager looks for changes by it


class BotUpdate(SQLModel, table=True):
    """An update from Telegram, stored before it is acknowledged. (bot, update_id) makes it unique."""

    __tablename__ = "bot_update"
    __table_args__ = (
        Index("ix_bot_update_undone", "bot_id", "update_id", postgresql_where="state IN ('new', 'taken')"),
        Index("ix_bot_update_received", "received_at"),
        Index("ix_bot_update_chat", "bot_id", "chat_id", "update_id"),
    )

    bot_id: UUID = Field(foreign_key="bot.id", ondelete="CASCADE", primary_key=True)
    update_id: int = Field(sa_type=BigInteger, primary_key=True)
    workspace_id: UUID = Field(foreign_key="workspace.id", ondelete="CASCADE", index=True)
    chat_id: int = Field(default=0, sa_type=BigInteger)
    payload: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    state: str = Field(default="new", max_length=16, description="See UpdateState in schemas.")
    attempts: int = 0
    reply_message_ids: list[int] = Field(default_factory=list, sa_column=Column(JSONB, nullable=False))
    sends_begun: int = Field(default=0, description="New messages that were about to be sent for it, sent or not.")
    sends_repeated: int = Field(default=0, description="Sent again though Telegram may have had them: the open window.")
    fence: int = Field(
        default=0,
        sa_type=BigInteger,
        description="Of the lease under which it was taken. Older ones write nothing.",
    )
    error: str = Field(default="", max_length=500)
    received_at: datetime = timestamp(default=True)
    taken_at: datetime | None = timestamp(nullable=True)
    done_at: datetime | None = timestamp(nullable=True)


class BotChat(SQLModel, table=True):
    """A chat that a bot is or was in, and what was chosen there. Made when there is something to remember of it."""

    __tablename__ = "bot_chat"

    bot_id: UUID = Field(foreign_key="bot.id", ondelete="CASCADE", primary_key=True)
    chat_id: int = Field(sa_type=BigInteger, primary_key=True)
    workspace_id: UUID = Field(foreign_key="workspace.id", ondelete="CASCADE", index=True)
    kind: str = Field(default="private", max_length=16, description="private, group, supergroup or channel.")
    title: str = Field(default="", max_length=200, description="The group's title or the person's name.")
    language: str = Field(default="", max_length=2, description="What was chosen with /language; empty: nothing.")
    source: str = Field(default="", max_length=64, description="The payload of the link that /start came by, the last.")
    gone_at: datetime | None = timestamp(nullable=True)  # since when the bot is blocked or removed
    created_at: datetime = timestamp(default=True)
    updated_at: datetime = timestamp(default=True)


class BotBusiness(SQLModel, table=True):
    """A business account of Telegram that a bot is connected to. It answers for those that are allowed: whoever has
    such an account can connect it to any bot that takes them."""

    __tablename__ = "bot_business"

    bot_id: UUID = Field(foreign_key="bot.id", ondelete="CASCADE", primary_key=True)
    connection_id: str = Field(max_length=128, primary_key=True)
    workspace_id: UUID = Field(foreign_key="workspace.id", ondelete="CASCADE", index=True)
    account_id: int = Field(sa_type=BigInteger, description="Telegram's number of the account's owner.")
    name: str = Field(default="", max_length=200, description="The owner's.")
    username: str = Field(default="", max_length=64, description="The owner's at Telegram; empty: none, or unknown.")
    allowed: bool = Field(default=False, description="The bot's people let it answer there, at their cost.")
    can_reply: bool = Field(default=False, description="The owner lets the bot write in the account's name.")
    enabled: bool = Field(default=True, description="The owner has not disconnected it.")
    updated_at: datetime = timestamp(default=True)


class BotLive(SQLModel, table=True):
    """How a bot fares right now, written by the manager that runs it every few seconds. Unlogged: a crash of the server
    empties it, and the next writing fills it."""

    __tablename__ = "bot_live"
    __table_args__ = {"prefixes": ["UNLOGGED"]}

    bot_id: UUID = Field(foreign_key="bot.id", ondelete="CASCADE", primary_key=True)
    workspace_id: UUID = Field(foreign_key="workspace.id", ondelete="CASCADE", index=True)
    manager_id: UUID = Field(description="See BotManager; without a foreign key, which an unlogged table cannot have.")
    pid: int | None = Field(default=None, description="Of its process; none: it sleeps.")
    memory_kb: int = Field(default=0, description="Memory of its own (USS) at the last look.")
    memory_peak_kb: int = 0
    started_at: datetime | None = timestamp(nullable=True)
    restarts: int = Field(default=0, description="Since its manager took it.")
    queued: int = Field(default=0, description="Updates that wait for their turn.")
    in_work: int = 0
    answered: int = Field(default=0, sa_type=BigInteger, description="Updates settled since its manager took it.")
    sent: int = Field(
        default=0, sa_type=BigInteger, description="Calls to Telegram that count for its limits, likewise."
    )
    sent_per_second: float = Field(default=0.0, description="Over the last minute.")
    throttled: int = Field(default=0, sa_type=BigInteger, description="Times that Telegram answered 429.")
    paused_until: datetime | None = timestamp(nullable=True)
    throttled_at: datetime | None = timestamp(nullable=True)  # when Telegram answered 429 last
    wait_p95_ms: int = Field(default=0, description="From an update's arrival to its end, over the last minute.")
    waiting_since: datetime | None = timestamp(nullable=True)  # when the oldest update came that is undone
    last_update_at: datetime | None = timestamp(nullable=True)
    updated_at: datetime = timestamp(default=True)


class BotEvent(TenantRow, table=True):
    """Something that happened to a bot: what its page shows as its log. Kept for a while only."""

    __tablename__ = "bot_event"
    __table_args__ = (Index("ix_bot_event_bot", "bot_id", "id"), Index("ix_bot_event_created", "created_at"))

    bot_id: UUID = Field(foreign_key="bot.id", ondelete="CASCADE")
    level: str = Field(max_length=8, description="info, warning or error.")
    event: str = Field(max_length=100, description="What happened, as a code: process_ended, update_set_aside, …")
    detail: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSONB, nullable=False))


class BotManager(SQLModel, table=True):
    """A running bot manager. Its bots are free for others once `expires_at` has passed. Seen by the system only."""

    __tablename__ = "bot_manager"

    id: UUID = Field(primary_key=True)
    name: str = Field(max_length=100, description="Host and process id, for people.")
    shard: int = Field(default=0, description="Its ordinal among `shards`.")
    shards: int = 1
    address: str = Field(default="", max_length=200, description="Where other managers pass webhook posts on to.")
    started_at: datetime = timestamp(default=True)
    expires_at: datetime = timestamp()


class BotLease(SQLModel, table=True):
    """Which manager runs a bot. `fence` grows with each change of hands: what an earlier holder still writes under an
    older number is refused. Seen by the system only."""

    __tablename__ = "bot_lease"

    bot_id: UUID = Field(foreign_key="bot.id", ondelete="CASCADE", primary_key=True)
    manager_id: UUID = Field(index=True)
    fence: int = Field(default=1, sa_type=BigInteger)
    taken_at: datetime = timestamp(default=True)
