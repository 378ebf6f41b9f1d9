"""What a message of a conversation shows."""

from __future__ import annotations

from chatai.core.clock import now
from chatai.core.ids import new_id
from chatai.domains.conversations.schemas import MessageView
from chatai.web.conversations.turns import turn_of


def test_a_question_shows_who_asked_and_what_came_with_it() -> None:
    view = MessageView(new_id(), "person", "What is it?", "complete", "", (), now(), None, "Anna", "contract.pdf")
    turn = turn_of(view)
    assert (turn.text, turn.author, turn.attachment) == ("What is it?", "Anna", "contract.pdf")
