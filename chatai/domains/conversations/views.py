"""Rows as people see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import cast

from chatai.domains.conversations.errors import Interrupted
from chatai.domains.conversations.models import Citation, Conversation, Message
from chatai.domains.conversations.schemas import (
    Channel,
    CitationView,
    ConversationView,
    MessageRole,
    MessageState,
    MessageView,
)


def citation_view(citation: Citation) -> CitationView:
    return CitationView(**{field.name: getattr(citation, field.name) for field in fields(CitationView)})


def message_view(message: Message, citations: Sequence[Citation], *, abandoned: bool = False) -> MessageView:
    """`abandoned`: nobody writes it any more, so it is shown as interrupted."""
    return MessageView(
        id=message.id,
        role=cast(MessageRole, message.role),
        text=message.text,
        state="interrupted" if abandoned else cast(MessageState, message.state),
        error_code=Interrupted.code if abandoned else message.error_code,
        citations=tuple(map(citation_view, citations)),
        created_at=message.created_at,
        reply_to=message.reply_to,
        author=message.author,
        attachment_name=message.attachment_name,
    )


def conversation_view(conversation: Conversation, assistant_name: str) -> ConversationView:
    return ConversationView(
        id=conversation.id,
        assistant_id=conversation.assistant_id,
        assistant_name=assistant_name,
        channel=cast(Channel, conversation.channel),
        title=conversation.title,
        person_name=conversation.person_name,
        created_at=conversation.created_at,
        last_message_at=conversation.last_message_at,
    )
