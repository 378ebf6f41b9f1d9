"""What one bot's process has asked of the answer processes, until it is answered."""

from __future__ import annotations

from collections.abc import Callable

from bots.answer_pool import AnswerPool
from bots.wire import Message, Wire
from chatai.domains.channels.schemas import ManagedBot

MOST_OPEN = 32
"""Questions of one process: far more than it has chats in work."""


class Questions:
    """The open questions of one bot; `noticed` is called with each event of an answer."""

    __slots__ = ("_answers", "_bot", "_noticed", "_numbers")

    def __init__(self, bot: ManagedBot, answers: AnswerPool, noticed: Callable[[], None]) -> None:
        self._bot = bot
        self._answers = answers
        self._noticed = noticed
        self._numbers: dict[int, int] = {}
        """By the process's own number: the pool's."""

    def ask(self, message: Message, asker: Wire) -> None:
        """Passes a question on, bound to this bot: a process can ask for no other. The answer goes to who asked, not
        to a later process, which numbers its questions anew. Raises ValueError for what no process of ours asks."""
        asked, kind = int(message["ask"]), message["kind"]
        if asked in self._numbers or len(self._numbers) >= MOST_OPEN or not isinstance(kind, str) or len(kind) > 32:
            raise ValueError("a process asks more, or otherwise, than one of ours does")

        def deliver(event: Message) -> None:
            if event["event"] != "delta":
                self._numbers.pop(asked, None)
            self._noticed()
            asker.send({**event, "ask": asked})

        bound = {
            "type": "ask",
            "bot": str(self._bot.id),
            "workspace": str(self._bot.workspace_id),
            "assistant": str(self._bot.assistant_id),
        }
        self._numbers[asked] = self._answers.ask({**message, **bound}, deliver)

    def cancel(self, asked: int) -> None:
        """The process does not wait for the answer any more."""
        number = self._numbers.pop(asked, None)
        if number is not None:
            self._answers.cancel(number)

    def cancel_all(self) -> None:
        """The process has ended."""
        for number in self._numbers.values():
            self._answers.cancel(number)
        self._numbers.clear()
