"""How a question and its answer begin: both rows stored at once, or the answer found that is there already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from chatai.core.actor import Actor
from chatai.core.clock import now
from chatai.core.database import UnitOfWork
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
from chatai.domains.conversations.models import Conversation, Message
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


async def begin(uow: UnitOfWork, actor: Actor, talk: UUID | ChannelTalk, question: Question) -> Turn | MessageView:
    """Stores the question and an empty answer; or finds the answer that is there already."""
    conversation = require_participant(actor, await _locked(uow, actor, talk))
    assistant = await assistants.get_assistant(uow, actor, conversation.assistant_id)
    if question.repeat_of is None:
        content = _content(question)
        stored = await repository.ask(uow, conversation, question.external_id, content, history=HISTORY_MESSAGES)
        if stored is not None:
            asked, answer_id, at, history = stored
            if question.external_id is None:
                _refuse_two_at_once(conversation, history)
            return Turn(conversation.id, assistant, asked, answer_id, at, history, question, conversation.language)
    return await _again(uow, conversation, assistant, question)


async def _locked(uow: UnitOfWork, actor: Actor, talk: UUID | ChannelTalk) -> OpenTalk | None:
    if isinstance(talk, UUID):
        return await repository.lock(uow, talk)
    return await repository.lock_open(uow, talk) or await open_talk(uow, actor, talk)


async def open_talk(uow: UnitOfWork, actor: Actor, talk: ChannelTalk) -> OpenTalk:
    """Goes on with the conversation that is open under the channel's name of it, or begins one."""
    await repository.lock_external(uow, talk.assistant_id, talk.channel, talk.external_id)
    found = await repository.lock_open(uow, talk)
    if found is not None:
        return found
    await assistants.get_assistant(uow, actor, talk.assistant_id)
    begun = Conversation(
        workspace_id=actor.workspace_id,
        assistant_id=talk.assistant_id,
        channel=talk.channel,
        external_id=talk.external_id,
        account_id=actor.account_id,
        bot_id=actor.bot_id,
        person_name=talk.person_name[:200],
        language=talk.language,
    )
    uow.session.add(begun)
    await uow.session.flush()
    opened = await repository.lock(uow, begun.id)
    if opened is None:
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
    return Turn(
        conversation_id=conversation.id,
        assistant=assistant,
        question=_said(asked),
        answer_id=made.id,
        answer_at=made.created_at,
        history=[_said(message) for message in history],
        asked=question,
        default_language=conversation.language,
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
