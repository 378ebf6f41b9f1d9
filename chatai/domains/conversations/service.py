"""Conversations: opened, listed, read, deleted. How an answer is made stands in `answering`."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from chatai.core.actor import Actor
from chatai.core.clock import now
from chatai.core.database import UnitOfWork
from chatai.core.errors import Forbidden
from chatai.core.i18n import Language
from chatai.domains.assistants import service as assistants
from chatai.domains.audit import service as audit
from chatai.domains.conversations import repository
from chatai.domains.conversations.access import require_deleter, require_participant, sees_all
from chatai.domains.conversations.answering import answer
from chatai.domains.conversations.attachments import MAX_ATTACHMENT
from chatai.domains.conversations.errors import ConversationNotFound
from chatai.domains.conversations.models import Conversation
from chatai.domains.conversations.schemas import (
    Channel,
    ChannelTalk,
    CitationView,
    ConversationDetail,
    ConversationSummary,
    ConversationView,
)
from chatai.domains.conversations.turns import is_abandoned, open_talk
from chatai.domains.conversations.unanswered import (
    UnansweredGroup,
    count_unanswered,
    dismiss_unanswered,
    list_unanswered,
    mark_answered,
    remove_old_unanswered,
    reopen_unanswered,
)
from chatai.domains.conversations.views import citation_view, conversation_view, message_view

__all__ = [
    "MAX_ATTACHMENT",
    "UnansweredGroup",
    "answer",
    "close_conversation",
    "count_unanswered",
    "delete_conversation",
    "dismiss_unanswered",
    "get_conversation",
    "list_conversations",
    "list_unanswered",
    "mark_answered",
    "remove_old_unanswered",
    "rename_conversations",
    "reopen_unanswered",
    "start_conversation",
]

LARGEST_PAGE = 200


async def start_conversation(
    uow: UnitOfWork,
    actor: Actor,
    assistant_id: UUID,
    *,
    channel: Channel = "web",
    external_id: str | None = None,
    person_name: str = "",
    language: Language = "en",
) -> ConversationView:
    """Opens a conversation; with an `external_id`, goes on with the one that is open under it.

    Raises:
        AssistantNotFound
    """
    assistant = await assistants.get_assistant(uow, actor, assistant_id)
    if external_id:
        talk = await open_talk(uow, actor, ChannelTalk(assistant_id, channel, external_id, person_name, language))
        conversation = await repository.get(uow, talk.id)
        if conversation is None:
            raise ConversationNotFound
    else:
        conversation = Conversation(
            workspace_id=actor.workspace_id,
            assistant_id=assistant_id,
            channel=channel,
            account_id=actor.account_id,
            bot_id=actor.bot_id,
            person_name=person_name[:200],
            language=language,
        )
        uow.session.add(conversation)
        await uow.session.flush()
    return conversation_view(conversation, assistant.name)


async def close_conversation(uow: UnitOfWork, actor: Actor, conversation_id: UUID) -> None:
    """Ends a conversation: the next message under its external name opens a new one. Nothing is deleted."""
    conversation = require_participant(actor, await repository.get(uow, conversation_id, lock=True))
    conversation.closed_at = conversation.closed_at or now()


async def rename_conversations(uow: UnitOfWork, actor: Actor, channel: Channel, old: str, new: str) -> None:
    """A channel has given a conversation another name: what goes on under the old one goes on under the new one.

    Only a bot's own conversations. Raises: Forbidden.
    """
    if actor.kind != "bot" or actor.bot_id is None:
        raise Forbidden
    await repository.rename(uow, actor.bot_id, channel, old, new)


async def list_conversations(
    uow: UnitOfWork,
    actor: Actor,
    *,
    assistant_id: UUID | None = None,
    channel: Channel | None = None,
    limit: int = 50,
    before: datetime | None = None,
) -> list[ConversationSummary]:
    """Conversations that the actor may read, the last used first. `before` is the last one's time of the page above."""
    conditions = []
    if assistant_id is not None:
        conditions.append(repository.of_assistant(assistant_id))
    if channel is not None:
        conditions.append(repository.on_channel(channel))
    if not sees_all(actor):
        conditions.append(repository.of_person_or_bot(actor.account_id, actor.bot_id))
    names = await assistants.names(uow)
    return [
        ConversationSummary(
            id=conversation.id,
            assistant_id=conversation.assistant_id,
            assistant_name=names.get(conversation.assistant_id, ""),
            channel=conversation_view(conversation, "").channel,
            title=conversation.title,
            person_name=conversation.person_name,
            last_message_at=conversation.last_message_at,
            message_count=count,
        )
        for conversation, count in await repository.page(
            uow, conditions, before=before, limit=max(1, min(limit, LARGEST_PAGE))
        )
    ]


async def get_conversation(uow: UnitOfWork, actor: Actor, conversation_id: UUID) -> ConversationDetail:
    """A conversation with its messages and their citations. Raises: ConversationNotFound."""
    conversation = require_participant(actor, await repository.get(uow, conversation_id))
    messages = await repository.messages(uow, conversation_id)
    citations = await repository.citations(uow, [message.id for message in messages])
    name = (await assistants.names(uow)).get(conversation.assistant_id, "")
    return ConversationDetail(
        view=conversation_view(conversation, name),
        messages=tuple(
            message_view(message, citations[message.id], abandoned=is_abandoned(message, conversation))
            for message in messages
        ),
    )


async def get_citation(uow: UnitOfWork, actor: Actor, talk: str, answer_id: UUID, number: int) -> CitationView:
    """One citation of an answer that was given in this very talk of the actor's.

    Args:
        uow: In the actor's workspace.
        actor: Who may read the conversation.
        talk: The channel's name of it, or the beginning of it: the chat of a topic.
        answer_id: The answer.
        number: Its number in the answer.

    Raises:
        ConversationNotFound: There is none, or it belongs elsewhere.
    """
    answer = await repository.get_message(uow, answer_id)
    conversation = await repository.get(uow, answer.conversation_id) if answer is not None else None
    name = require_participant(actor, conversation).external_id
    if name != talk and not name.startswith(f"{talk}:"):
        raise ConversationNotFound
    for citation in (await repository.citations(uow, [answer_id]))[answer_id]:
        if citation.number == number:
            return citation_view(citation)
    raise ConversationNotFound


async def delete_conversation(uow: UnitOfWork, actor: Actor, conversation_id: UUID) -> None:
    """Deletes a conversation with its messages. The page asks before."""
    require_deleter(actor)
    conversation = require_participant(actor, await repository.get(uow, conversation_id, lock=True))
    await uow.session.delete(conversation)
    await uow.session.flush()
    await audit.record(uow, actor, "conversation:conversation:delete", conversation_id)
