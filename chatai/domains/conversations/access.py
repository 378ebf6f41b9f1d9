"""Who may see and continue which conversation."""

from __future__ import annotations

from typing import Protocol, TypeVar
from uuid import UUID

from chatai.core.actor import Actor, Role
from chatai.core.errors import Forbidden
from chatai.domains.conversations.errors import ConversationNotFound


def sees_all(actor: Actor) -> bool:
    """Operators see every conversation of the workspace; a user only their own."""
    return actor.kind == "system" or (actor.kind == "person" and actor.role.covers(Role.OPERATOR))


class Owned(Protocol):
    """What says whose a conversation is."""

    @property
    def account_id(self) -> UUID | None: ...

    @property
    def bot_id(self) -> UUID | None: ...


Talk = TypeVar("Talk", bound=Owned)


def require_participant(actor: Actor, conversation: Talk | None) -> Talk:
    """The conversation, if the actor may read it. Raises: ConversationNotFound."""
    if conversation is None:
        raise ConversationNotFound
    own = actor.account_id is not None and conversation.account_id == actor.account_id
    own_bot = actor.kind == "bot" and actor.bot_id is not None and conversation.bot_id == actor.bot_id
    if not (own or own_bot or sees_all(actor)):
        raise ConversationNotFound
    return conversation


def require_deleter(actor: Actor) -> None:
    """People delete conversations that they may read; bots never do."""
    if actor.kind != "person":
        raise Forbidden


def may_tend_questions(actor: Actor) -> bool:
    """What the documents did not answer is for the workspace's operators and admins."""
    return actor.kind == "person" and actor.account_id is not None and actor.role.covers(Role.OPERATOR)


def require_question_tender(actor: Actor) -> None:
    if not may_tend_questions(actor):
        raise Forbidden
