"""The SQL of conversations. Row security keeps every statement in the workspace of the transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, false, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from chatai.core.clock import now
from chatai.core.database import UnitOfWork
from chatai.core.ids import new_id
from chatai.domains.conversations.models import Citation, Conversation, Message


async def get(uow: UnitOfWork, conversation_id: UUID, *, lock: bool = False) -> Conversation | None:
    return await uow.session.get(Conversation, conversation_id, with_for_update=lock or None)


async def find_open(uow: UnitOfWork, assistant_id: UUID, channel: str, external_id: str) -> Conversation | None:
    """The conversation that goes on under the channel's own name of it."""
    statement = (
        select(Conversation)
        .where(
            col(Conversation.assistant_id) == assistant_id,
            col(Conversation.channel) == channel,
            col(Conversation.external_id) == external_id,
            col(Conversation.closed_at).is_(None),
        )
        .order_by(col(Conversation.id).desc())
        .limit(1)
    )
    return (await uow.session.execute(statement)).scalar_one_or_none()


async def lock_external(uow: UnitOfWork, assistant_id: UUID, channel: str, external_id: str) -> None:
    """Only one transaction at a time may open a conversation under this name."""
    key = f"{assistant_id}/{channel}/{external_id}"
    await uow.session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(key, 0))))


async def rename(uow: UnitOfWork, bot_id: UUID, channel: str, old: str, new: str) -> None:
    """Gives a bot's conversations of this name another one."""
    await uow.session.execute(
        update(Conversation)
        .where(
            col(Conversation.bot_id) == bot_id,
            col(Conversation.channel) == channel,
            col(Conversation.external_id) == old,
        )
        .values(external_id=new)
    )


async def page(
    uow: UnitOfWork, conditions: Sequence[ColumnElement[bool]], *, before: datetime | None, limit: int
) -> Sequence[tuple[Conversation, int]]:
    """Conversations with at least one message, the last used first, each with its number of messages."""
    count = (
        select(func.count())
        .where(col(Message.conversation_id) == col(Conversation.id))
        .correlate(Conversation)
        .scalar_subquery()
    )
    statement = (
        select(Conversation, count)
        .where(col(Conversation.title) != "", *conditions)
        .order_by(col(Conversation.last_message_at).desc(), col(Conversation.id).desc())
        .limit(limit)
    )
    if before is not None:
        statement = statement.where(col(Conversation.last_message_at) < before)
    return [(row[0], row[1]) for row in (await uow.session.execute(statement)).all()]


async def messages(uow: UnitOfWork, conversation_id: UUID, *, limit: int = 500) -> list[Message]:
    """The latest messages, oldest first."""
    statement = (
        select(Message)
        .where(col(Message.conversation_id) == conversation_id)
        .order_by(col(Message.id).desc())
        .limit(limit)
    )
    return list((await uow.session.execute(statement)).scalars())[::-1]


async def citations(uow: UnitOfWork, message_ids: Sequence[UUID]) -> dict[UUID, list[Citation]]:
    """Each message's citations by number, in one statement."""
    found: dict[UUID, list[Citation]] = {message_id: [] for message_id in message_ids}
    statement = select(Citation).where(col(Citation.message_id).in_(message_ids)).order_by(col(Citation.number))
    for citation in (await uow.session.execute(statement)).scalars():
        found[citation.message_id].append(citation)
    return found


async def get_message(uow: UnitOfWork, message_id: UUID) -> Message | None:
    return await uow.session.get(Message, message_id)


async def add_question(uow: UnitOfWork, conversation: Conversation, external_id: str | None, **content: str) -> Message:
    """Stores a question, or finds the one that the channel handed over before under the same name.

    `content`: its text, its author and what is attached.
    """
    statement = (
        insert(Message)
        .values(
            id=new_id(),
            created_at=now(),
            workspace_id=conversation.workspace_id,
            conversation_id=conversation.id,
            role="person",
            state="complete",
            external_id=external_id,
            model="",
            error_code="",
            prompt_tokens=0,
            completion_tokens=0,
            **content,
        )
        .on_conflict_do_nothing(index_elements=["conversation_id", "external_id"])
    )
    if external_id is None:
        return (await uow.session.execute(statement.returning(Message))).scalar_one()
    await uow.session.execute(statement)
    found = select(Message).where(
        col(Message.conversation_id) == conversation.id, col(Message.external_id) == external_id
    )
    return (await uow.session.execute(found)).scalar_one()


async def keep_writing(uow: UnitOfWork, conversation_id: UUID, answer_id: UUID, text: str) -> None:
    """Stores how far an answer has come. The conversation first: a question locks them in this order too."""
    await uow.session.execute(
        update(Conversation).where(col(Conversation.id) == conversation_id).values(last_message_at=now())
    )
    await uow.session.execute(
        update(Message).where(col(Message.id) == answer_id, col(Message.state) == "streaming").values(text=text)
    )


async def answer_to(uow: UnitOfWork, question_id: UUID) -> Message | None:
    """The answer to a question, locked."""
    statement = select(Message).where(col(Message.reply_to) == question_id).limit(1).with_for_update()
    return (await uow.session.execute(statement)).scalar_one_or_none()


def of_assistant(assistant_id: UUID) -> ColumnElement[bool]:
    return col(Conversation.assistant_id) == assistant_id


def on_channel(channel: str) -> ColumnElement[bool]:
    return col(Conversation.channel) == channel


def of_person_or_bot(account_id: UUID | None, bot_id: UUID | None) -> ColumnElement[bool]:
    """The conversations that are a person's own, or a bot's; an actor that is neither has none."""
    if account_id is not None:
        return col(Conversation.account_id) == account_id
    if bot_id is not None:
        return col(Conversation.bot_id) == bot_id
    return false()
