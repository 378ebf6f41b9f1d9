"""The SQL of conversations. Row security keeps every statement in the workspace of the transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from sqlalchemy import ColumnElement, false, func, select, update
from sqlmodel import col

from chatai.core.clock import now
from chatai.core.database import Runs, UnitOfWork
from chatai.core.ids import new_id
from chatai.domains.conversations.models import Citation, Conversation, Message
from chatai.domains.conversations.schemas import ChannelTalk, CitationView, Ending, OpenTalk, Said

_LOCK: LiteralString = """
    SELECT id, workspace_id, assistant_id, account_id, bot_id, language, last_message_at
    FROM conversation WHERE id = %(id)s FOR UPDATE
"""
_TOUCH: LiteralString = "UPDATE conversation SET last_message_at = %(now)s WHERE id = %(id)s"
# The conversation first: a question locks them in this order too.
_KEEP_WRITING: LiteralString = """
    WITH touched AS (UPDATE conversation SET last_message_at = %(now)s WHERE id = %(id)s RETURNING id)
    UPDATE message SET text = %(text)s FROM touched
    WHERE message.id = %(answer)s AND message.state = 'streaming' AND message.conversation_id = touched.id
"""
_LOCK_EXTERNAL: LiteralString = """
    SELECT id, workspace_id, assistant_id, account_id, bot_id, language, last_message_at
    FROM conversation
    WHERE assistant_id = %(assistant)s AND channel = %(channel)s AND external_id = %(external)s AND closed_at IS NULL
    ORDER BY id DESC LIMIT 1 FOR UPDATE
"""

# The talk so far is read as it was before the statement, so without the question and its answer.
_ASK: LiteralString = """
    WITH asked AS (
        INSERT INTO message (id, created_at, workspace_id, conversation_id, role, text, state, external_id, model,
                             error_code, prompt_tokens, completion_tokens, author, attachment_name, attachment_text)
        VALUES (%(id)s, %(now)s, %(workspace)s, %(conversation)s, 'person', %(text)s, 'complete', %(external)s, '',
                '', 0, 0, %(author)s, %(attachment_name)s, %(attachment_text)s)
        ON CONFLICT (conversation_id, external_id) DO NOTHING
        RETURNING id
    ), answering AS (
        INSERT INTO message (id, created_at, workspace_id, conversation_id, role, text, state, reply_to, model,
                             error_code, prompt_tokens, completion_tokens, author, attachment_name, attachment_text)
        SELECT %(answer)s, %(now)s, %(workspace)s, %(conversation)s, 'assistant', '', 'streaming', id, '', '', 0, 0,
               '', '', ''
        FROM asked
    ), touched AS (
        UPDATE conversation
        SET last_message_at = %(now)s, title = CASE WHEN title = '' THEN %(title)s ELSE title END
        FROM asked WHERE conversation.id = %(conversation)s
    )
    SELECT fresh, m.id, m.role, m.text, m.state, m.author, m.attachment_name, m.attachment_text
    FROM (SELECT count(*) > 0 AS fresh FROM asked) AS fresh
    LEFT JOIN LATERAL (
        SELECT * FROM message WHERE conversation_id = %(conversation)s ORDER BY id DESC LIMIT %(history)s
    ) AS m ON true
    ORDER BY m.id
"""

# Once, however often it is asked for: an ending that is stored stays. A document that is deleted at the same moment is
# waited for, and then not referred to.
_SETTLE: LiteralString = """
    WITH settled AS (
        UPDATE message
        SET text = %(text)s, state = %(state)s, error_code = %(error_code)s, model = %(model)s,
            prompt_tokens = %(prompt_tokens)s, completion_tokens = %(completion_tokens)s
        WHERE id = %(id)s AND state = 'streaming'
        RETURNING id, workspace_id
    ), cited AS (
        INSERT INTO citation (id, workspace_id, message_id, number, document_id, chunk_id, document_name, page,
                              page_end, char_start, char_end, quote)
        SELECT c.id, settled.workspace_id, settled.id, c.number,
               (SELECT document.id FROM document WHERE document.id = c.document_id FOR KEY SHARE),
               (SELECT chunk.id FROM chunk WHERE chunk.id = c.chunk_id FOR KEY SHARE),
               c.document_name, c.page, c.page_end, c.char_start, c.char_end, c.quote
        FROM settled CROSS JOIN unnest(
            %(ids)s::uuid[], %(number)s::int[], %(document_id)s::uuid[], %(chunk_id)s::uuid[],
            %(document_name)s::text[], %(page)s::int[], %(page_end)s::int[], %(char_start)s::int[],
            %(char_end)s::int[], %(quote)s::text[]
        ) AS c(id, number, document_id, chunk_id, document_name, page, page_end, char_start, char_end, quote)
        RETURNING number, document_id
    )
    SELECT NULL, NULL FROM settled UNION ALL SELECT number, document_id FROM cited
"""
_CITED = ("number", "document_id", "document_name", "page", "page_end", "char_start", "char_end", "quote")


async def get(uow: UnitOfWork, conversation_id: UUID, *, lock: bool = False) -> Conversation | None:
    return await uow.session.get(Conversation, conversation_id, with_for_update=lock or None)


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


async def lock(uow: UnitOfWork, conversation_id: UUID) -> OpenTalk | None:
    """The conversation, locked for a question."""
    rows = await uow.run(_LOCK, {"id": conversation_id})
    return OpenTalk(*rows[0]) if rows else None


async def lock_open(uow: UnitOfWork, talk: ChannelTalk) -> OpenTalk | None:
    """The conversation that goes on under the channel's own name of it, locked for a question."""
    values = {"assistant": talk.assistant_id, "channel": talk.channel, "external": talk.external_id}
    rows = await uow.run(_LOCK_EXTERNAL, values)
    return OpenTalk(*rows[0]) if rows else None


async def ask(
    uow: UnitOfWork, talk: OpenTalk, external_id: str | None, content: Mapping[str, str], *, history: int
) -> tuple[Said, UUID, datetime, list[Said]] | None:
    """Stores a question and its empty answer, unless the channel handed the question over before: then None.

    `content`: the question's text, its author and what is attached.

    Returns:
        The question, the answer's id and time, and the latest `history` messages before them, oldest first.
    """
    question = Said(id=new_id(), role="person", **content)
    answer_id, at = new_id(), now()
    values = {
        "id": question.id,
        "answer": answer_id,
        "now": at,
        "workspace": talk.workspace_id,
        "conversation": talk.id,
        "external": external_id,
        "title": title_of(question),
        "history": history,
        **content,
    }
    rows = await uow.run(_ASK, values)
    if not rows[0][0]:
        return None
    return question, answer_id, at, [Said(*row[1:]) for row in rows if row[1] is not None]


def title_of(question: Said) -> str:
    return " ".join((question.text or question.attachment_name).split())[:80]


def settling(
    answer_id: UUID, ending: Ending, citations: Sequence[CitationView], chunk_ids: Sequence[UUID]
) -> tuple[LiteralString, dict[str, object]]:
    """The statement that stores how an answer ended and its citations, the quotations also of documents that were
    deleted meanwhile. `kept_citations` says what its rows mean."""
    values: dict[str, object] = {"id": answer_id, "ids": [new_id() for _ in citations]}
    values |= {field.name: getattr(ending, field.name) for field in fields(Ending)}
    values |= {name: [getattr(citation, name) for citation in citations] for name in _CITED}
    values["chunk_id"] = list(chunk_ids)
    return _SETTLE, values


def kept_citations(rows: Sequence[tuple[int | None, UUID | None]]) -> set[int]:
    """The numbers of the citations whose document is there; none if the answer itself is gone or had ended before."""
    return {number for number, document in rows if number is not None and document is not None}


async def question_named(uow: UnitOfWork, conversation_id: UUID, external_id: str) -> Message:
    """The question that the channel handed over under this name."""
    found = select(Message).where(
        col(Message.conversation_id) == conversation_id, col(Message.external_id) == external_id
    )
    return (await uow.session.execute(found)).scalar_one()


async def touch(uow: UnitOfWork, conversation_id: UUID) -> None:
    """The conversation is being used."""
    await uow.run(_TOUCH, {"id": conversation_id, "now": now()})


async def keep_writing(uow: Runs, conversation_id: UUID, answer_id: UUID, text: str) -> None:
    """Stores how far an answer has come, and that its conversation is in use."""
    await uow.run(_KEEP_WRITING, {"id": conversation_id, "now": now(), "answer": answer_id, "text": text})


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
