"""How a question and its answer begin: both rows stored at once, or the answer found that is there already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from chatai.core.actor import Actor
from chatai.core.clock import now
from chatai.core.database import Database, UnitOfWork
from chatai.core.statements import Statements
from chatai.domains.assistants import service as assistants
from chatai.domains.assistants.schemas import AssistantDetail
from chatai.domains.conversations import repository
from chatai.domains.conversations.access import require_participant
from chatai.domains.conversations.attachments import MAX_ATTACHMENT
from chatai.domains.conversations.errors import (
    ConversationNotFound,
    EmptyQuestion,
    MessageNotFound,
    StillAnswering,
    TooLongQuestion,
)
from chatai.domains.conversations.models import Message
from chatai.domains.conversations.prompt import HISTORY_MESSAGES
from chatai.domains.conversations.schemas import ChannelTalk, MessageView, OpenTalk, Question, Said
from chatai.domains.conversations.views import message_view

MAX_QUESTION = 8_000  # characters
# An answer whose writer has been silent for so long belongs to a process that died.
ABANDONED_AFTER = timedelta(seconds=30)


class Stated(Protocol):
    """A message as far as its state goes."""

    @property
    def state(self) -> str: ...


class Used(Protocol):
    """A conversation as far as its use goes."""

    @property
    def last_message_at(self) -> datetime: ...


@dataclass(slots=True)
class Turn:
    """One question and the answer in the making."""

    conversation_id: UUID
    assistant: AssistantDetail
    question: Said
    answer_id: UUID
    answer_at: datetime
    history: list[Said]
    asked: Question
    default_language: str


def must_last(question: Question) -> bool:
    """Whether what is stored must be on the disk at once. A channel that would bring the question again need not wait
    for that: the bot manager notes there, after this, that it passes the answer on."""
    return question.external_id is None


async def begin(database: Database, actor: Actor, talk: UUID | ChannelTalk, question: Question) -> Turn | MessageView:
    """Stores the question and an empty answer; or finds the answer that is there already."""
    lasting = must_last(question)
    if isinstance(talk, ChannelTalk) and question.external_id is not None and question.repeat_of is None:
        statements = database.statements(actor.workspace_id, actor.account_id, lasting=lasting)
        turn = await _begin_at_once(statements, actor, talk, question, question.external_id)
        if turn is not None:
            return turn
    async with database.workspace(actor.workspace_id, actor.account_id, lasting=lasting, by_keys=True) as uow:
        return await _begin(uow, actor, talk, question)


async def _begin_at_once(
    statements: Statements, actor: Actor, talk: ChannelTalk, question: Question, external_id: str
) -> Turn | None:
    """In one turn: most questions are new, and of a channel. None: this one is stored already."""
    storing, asked = repository.asking(actor, talk, external_id, _content(question), history=HISTORY_MESSAGES)
    describing = assistants.describing(actor, talk.assistant_id)
    rows, about = await statements.run_together([storing, describing])
    assistant, found = assistants.described(about), repository.found_asked(rows)
    if found is None:
        raise ConversationNotFound
    fresh, conversation_id, language, history = found
    if not fresh:
        return None
    return Turn(conversation_id, assistant, *asked, history, question, language)


async def _begin(uow: UnitOfWork, actor: Actor, talk: UUID | ChannelTalk, question: Question) -> Turn | MessageView:
    if isinstance(talk, UUID):
        conversation = require_participant(actor, await repository.lock(uow, talk))
    else:
        conversation = await open_talk(uow, actor, talk)
    assistant = await assistants.get_assistant(uow, actor, conversation.assistant_id)
    if question.repeat_of is None:
        content = _content(question)
        stored = await repository.ask(uow, conversation, question.external_id, content, history=HISTORY_MESSAGES)
        if stored is not None:
            asked, history = stored
            if question.external_id is None:
                _refuse_two_at_once(conversation, history)
            return Turn(conversation.id, assistant, *asked, history, question, conversation.language)
    return await _again(uow, conversation, assistant, question)


async def open_talk(uow: UnitOfWork, actor: Actor, talk: ChannelTalk) -> OpenTalk:
    """Goes on with the conversation that is open under the channel's name of it, or begins one.

    Raises: AssistantNotFound, ConversationNotFound: it is not the actor's.
    """
    opened = await repository.open_talk(uow, actor, talk)
    if opened is None:
        await assistants.get_assistant(uow, actor, talk.assistant_id)
        raise ConversationNotFound
    return opened


async def _again(
    uow: UnitOfWork, conversation: OpenTalk, assistant: AssistantDetail, question: Question
) -> Turn | MessageView:
    """A question that is stored already: asked again, changed, or brought once more by its channel."""
    asked, changed = await _stored(uow, conversation, question)
    earlier = await repository.answer_to(uow, asked.id)
    if earlier is not None and question.repeat_of is None and earlier.state == "complete" and not changed:
        citations = await repository.citations(uow, [earlier.id])
        return message_view(earlier, citations[earlier.id])
    latest = await repository.messages(uow, conversation.id, limit=40)
    history = [message for message in latest if message.id < asked.id]
    if question.external_id is None:
        _refuse_two_at_once(conversation, [*history, *([earlier] if earlier else [])])
    if earlier is not None:
        await uow.session.delete(earlier)
        await uow.session.flush()
    made = Message(
        workspace_id=conversation.workspace_id,
        conversation_id=conversation.id,
        role="assistant",
        state="streaming",
        reply_to=asked.id,
    )
    uow.session.add(made)
    await repository.touch(uow, conversation.id)
    await uow.session.flush()
    said = [_said(message) for message in history]
    return Turn(
        conversation.id, assistant, _said(asked), made.id, made.created_at, said, question, conversation.language
    )


async def _stored(uow: UnitOfWork, conversation: OpenTalk, question: Question) -> tuple[Message, bool]:
    """The stored question, and whether the person has changed it since it was answered."""
    if question.repeat_of is not None:
        asked = await repository.get_message(uow, question.repeat_of)
        if asked is None or asked.conversation_id != conversation.id or asked.role != "person":
            raise MessageNotFound
        return asked, False
    content = _content(question)
    asked = await repository.question_named(uow, conversation.id, question.external_id or "")
    text, name, attached = content["text"], content["attachment_name"], content["attachment_text"]
    if not (name or attached):  # who changes the words leaves what came with them
        name, attached = asked.attachment_name, asked.attachment_text
    changed = question.revised and (asked.text, asked.attachment_text) != (text, attached)
    if changed:
        asked.text, asked.attachment_name, asked.attachment_text = text, name, attached
    return asked, changed


def _content(question: Question) -> dict[str, str]:
    """What is stored of a question. Raises: EmptyQuestion, TooLongQuestion."""
    text = question.text.replace("\x00", "").strip()
    attached = question.attachment_text.replace("\x00", "").strip()[:MAX_ATTACHMENT]
    name = " ".join(question.attachment_name.replace("\x00", "").split())[:255]
    if not (text or name or attached):
        raise EmptyQuestion
    if len(text) > MAX_QUESTION:
        raise TooLongQuestion(limit=MAX_QUESTION, length=len(text))
    author = " ".join(question.author.replace("\x00", "").split())[:200]
    return {"text": text, "author": author, "attachment_name": name, "attachment_text": attached}


def _said(message: Message) -> Said:
    return Said(
        message.id,
        message.role,
        message.text,
        message.state,
        message.author,
        message.attachment_name,
        message.attachment_text,
    )


def _refuse_two_at_once(conversation: Used, messages: Sequence[Stated]) -> None:
    """One answer at a time in a conversation of people; a channel with external names keeps its own order."""
    if any(message.state == "streaming" and not is_abandoned(message, conversation) for message in messages):
        raise StillAnswering


def is_abandoned(message: Stated, conversation: Used) -> bool:
    """Whether nobody writes this unfinished answer any more: the process that did was killed."""
    return message.state == "streaming" and now() - conversation.last_message_at > ABANDONED_AFTER
