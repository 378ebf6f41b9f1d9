"""The SQL of conversations. Row security keeps every statement in the workspace of the transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from sqlalchemy import ColumnElement, false, func, select
from sqlmodel import col

from chatai.core.actor import Actor
from chatai.core.clock import now
from chatai.core.database import UnitOfWork
from chatai.core.ids import new_id
from chatai.core.roundtrip import Statement
from chatai.core.statements import Runs, array_of
from chatai.domains.conversations.models import Citation, Conversation, Message
from chatai.domains.conversations.schemas import Asked, ChannelTalk, CitationView, Ending, OpenTalk, Said

_LOCK: LiteralString = """
    SELECT id, workspace_id, assistant_id, account_id, bot_id, language, last_message_at
    FROM conversation WHERE id = %(id)s FOR UPDATE
"""
_RENAME: LiteralString = """
    UPDATE conversation AS talk
    SET external_id = %(new)s::text,
        closed_at = CASE WHEN EXISTS (
            SELECT FROM conversation AS other
            WHERE other.assistant_id = talk.assistant_id AND other.channel = talk.channel
              AND other.external_id = %(new)s::text AND other.closed_at IS NULL
        ) THEN coalesce(closed_at, %(now)s) ELSE closed_at END
    WHERE bot_id = %(bot)s AND channel = %(channel)s AND external_id = %(old)s
"""
_TOUCH: LiteralString = "UPDATE conversation SET last_message_at = %(now)s WHERE id = %(id)s"
# The conversation first: a question locks them in this order too.
_KEEP_WRITING: LiteralString = """
    WITH touched AS (UPDATE conversation SET last_message_at = %(now)s WHERE id = %(id)s RETURNING id)
    UPDATE message SET text = %(text)s FROM touched
    WHERE message.id = %(answer)s AND message.state = 'streaming' AND message.conversation_id = touched.id
"""
# One conversation at most is open under a channel's name of it (`uq_conversation_open`): it is found, or begun, and
# locked. Somebody else's is not, which leaves no row; nor is one begun with an assistant that is not there.
_OPEN: LiteralString = """
    INSERT INTO conversation AS talk (id, created_at, workspace_id, assistant_id, channel, external_id, account_id,
                                      bot_id, person_name, title, language, last_message_at)
    SELECT %(conversation)s, %(now)s, workspace_id, id, %(channel)s, %(name)s, %(account)s, %(bot)s, %(person)s,
           %(title)s, %(language)s, %(now)s
    FROM assistant WHERE id = %(assistant)s
    ON CONFLICT (assistant_id, channel, external_id) WHERE closed_at IS NULL AND external_id <> '' DO UPDATE
    SET title = CASE WHEN talk.title = '' THEN excluded.title ELSE talk.title END,
        last_message_at = CASE WHEN %(asks)s THEN excluded.last_message_at ELSE talk.last_message_at END
    WHERE talk.account_id IS NOT DISTINCT FROM excluded.account_id AND talk.bot_id IS NOT DISTINCT FROM excluded.bot_id
    RETURNING id, workspace_id, assistant_id, account_id, bot_id, language, last_message_at
"""
_STORE: LiteralString = """
    asked AS (
        INSERT INTO message (id, created_at, workspace_id, conversation_id, role, text, state, external_id, model,
                             error_code, prompt_tokens, completion_tokens, author, attachment_name, attachment_text)
        SELECT %(id)s, %(now)s, workspace_id, id, 'person', %(text)s, 'complete', %(external)s, '', '', 0, 0,
               %(author)s, %(attachment_name)s, %(attachment_text)s
        FROM talk
        ON CONFLICT (conversation_id, external_id) DO NOTHING
        RETURNING id, workspace_id, conversation_id
    ), answering AS (
        INSERT INTO message (id, created_at, workspace_id, conversation_id, role, text, state, reply_to, model,
                             error_code, prompt_tokens, completion_tokens, author, attachment_name, attachment_text)
        SELECT %(answer)s, %(now)s, workspace_id, conversation_id, 'assistant', '', 'streaming', id, '', '', 0, 0,
               '', '', ''
        FROM asked
    )
"""
# The talk so far is read as it was before the statement, so without the question and its answer; and without what
# somebody else has said while the conversation's lock was waited for: a channel brings a chat's questions in turn.
_SO_FAR: LiteralString = """
    LEFT JOIN LATERAL (
        SELECT * FROM message WHERE conversation_id = talk.id ORDER BY id DESC LIMIT %(history)s
    ) AS m ON true
    ORDER BY m.id
"""
_ASK: LiteralString = f"""
    WITH talk AS (SELECT id, workspace_id FROM conversation WHERE id = %(conversation)s), {_STORE}, touched AS (
        UPDATE conversation
        SET last_message_at = %(now)s, title = CASE WHEN title = '' THEN %(title)s ELSE title END
        FROM asked WHERE conversation.id = asked.conversation_id
    )
    SELECT fresh, m.id, m.role, m.text, m.state, m.author, m.attachment_name, m.attachment_text
    FROM (SELECT count(*) > 0 AS fresh FROM asked) AS fresh CROSS JOIN talk {_SO_FAR}
"""  # noqa: S608 - of our own parts alone
_ASK_IN_CHANNEL: LiteralString = f"""
    WITH talk AS ({_OPEN}), {_STORE}
    SELECT fresh, talk.id, talk.language, m.id, m.role, m.text, m.state, m.author, m.attachment_name, m.attachment_text
    FROM (SELECT count(*) > 0 AS fresh FROM asked) AS fresh CROSS JOIN talk {_SO_FAR}
"""  # noqa: S608 - of our own parts alone

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
_CITED_NUMBERS = ("number", "document_id", "page", "page_end", "char_start", "char_end")
_CITED_WORDS = ("document_name", "quote")


async def get(uow: UnitOfWork, conversation_id: UUID, *, lock: bool = False) -> Conversation | None:
    return await uow.session.get(Conversation, conversation_id, with_for_update=lock or None)


async def rename(uow: UnitOfWork, bot_id: UUID, channel: str, old: str, new: str) -> None:
    """Gives a bot's conversations of this name another one. Where one is open under that already, it goes on, and the
    old one is closed."""
    await uow.run(_RENAME, {"bot": bot_id, "channel": channel, "old": old, "new": new, "now": now()})


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


async def open_talk(uow: UnitOfWork, actor: Actor, talk: ChannelTalk) -> OpenTalk | None:
    """The conversation that is open under the channel's own name of it, or a new one, locked. None: it is another
    actor's, or there is no such assistant."""
    rows = await uow.run(_OPEN, {**_opening(actor, talk), "now": now(), "title": "", "asks": False})
    return OpenTalk(*rows[0]) if rows else None


def asking(
    actor: Actor, talk: ChannelTalk, external_id: str, content: Mapping[str, str], *, history: int
) -> tuple[Statement, Asked]:
    """The statement that does in one turn what `open_talk` and `ask` do, for a question that the channel has a name of;
    and what it stores. `found_asked` says what its rows mean."""
    asked = Asked(Said(id=new_id(), role="person", **content), new_id(), now())
    values = _opening(actor, talk) | _storing(asked, external_id, content, history) | {"asks": True}
    return (_ASK_IN_CHANNEL, values), asked


def found_asked(rows: Sequence[tuple[Any, ...]]) -> tuple[bool, UUID, str, list[Said]] | None:
    """What the rows of `asking` say: whether the question is new (else nothing of it was stored), the conversation and
    its language, and the messages before. None: the conversation is another actor's, or there is no such assistant."""
    if not rows:
        return None
    fresh, conversation, language = rows[0][:3]
    return fresh, conversation, language, [Said(*row[3:]) for row in rows if row[3] is not None]


async def ask(
    uow: UnitOfWork, talk: OpenTalk, external_id: str | None, content: Mapping[str, str], *, history: int
) -> tuple[Asked, list[Said]] | None:
    """Stores a question and its empty answer in a locked conversation, unless the channel handed the question over
    before: then None. With them, the latest `history` messages before, oldest first.

    `content`: the question's text, its author and what is attached.
    """
    asked = Asked(Said(id=new_id(), role="person", **content), new_id(), now())
    values = {"conversation": talk.id, **_storing(asked, external_id, content, history)}
    rows = await uow.run(_ASK, values)
    if not rows or not rows[0][0]:
        return None
    return asked, [Said(*row[1:]) for row in rows if row[1] is not None]


def _opening(actor: Actor, talk: ChannelTalk) -> dict[str, object]:
    return {
        "conversation": new_id(),
        "assistant": talk.assistant_id,
        "channel": talk.channel,
        "name": talk.external_id,
        "account": actor.account_id,
        "bot": actor.bot_id,
        "person": talk.person_name.replace("\x00", "")[:200],
        "language": talk.language,
    }


def _storing(asked: Asked, external_id: str | None, content: Mapping[str, str], history: int) -> dict[str, object]:
    return {
        "id": asked.question.id,
        "answer": asked.answer_id,
        "now": asked.at,
        "external": external_id,
        "title": title_of(asked.question),
        "history": history,
        **content,
    }


def title_of(question: Said) -> str:
    return " ".join((question.text or question.attachment_name).split())[:80]


def settling(
    answer_id: UUID, ending: Ending, citations: Sequence[CitationView], chunk_ids: Sequence[UUID]
) -> tuple[LiteralString, dict[str, object]]:
    """The statement that stores how an answer ended and its citations, the quotations also of documents that were
    deleted meanwhile. `kept_citations` says what its rows mean."""
    values: dict[str, object] = {"id": answer_id, "ids": array_of(new_id() for _ in citations)}
    values |= {field.name: getattr(ending, field.name) for field in fields(Ending)}
    values |= {name: array_of(getattr(citation, name) for citation in citations) for name in _CITED_NUMBERS}
    values |= {name: [getattr(citation, name) for citation in citations] for name in _CITED_WORDS}
    values["chunk_id"] = array_of(chunk_ids)
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
