"""What a bot's process is kept for, as its keeper sees it (see `process`), and how it is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from bots.events import Level
from bots.wire import Message
from chatai.domains.channels.schemas import BotState


class Charge(Protocol):
    """What a process is kept for."""

    @property
    def waits(self) -> bool:
        """Whether there is something to do."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits and nothing is in work, so that the process may leave."""

    async def prepare(self) -> None:
        """Called before a process is asked for. Raises: DatabaseAway."""

    def introduction(self) -> Message:
        """The process's first frame. Raises: TokenUnreadable."""

    def begin(self) -> None:
        """The process is ready for work."""

    async def take(self, message: Message) -> None:
        """The process says something about its work."""

    def hang_up(self) -> None:
        """The process is gone or not understood any more; its end is not known yet."""

    def take_back(self, *, blame: bool) -> None:
        """The process has ended: what it had is undone. `blame`: that may be why it ended."""

    def drop(self) -> None:
        """Something here failed: what is held in memory cannot be trusted."""

    def tell(self, state: BotState, reason: str = "", last_error: str | None = None) -> None:
        """The bot's state is another one."""

    def note(self, level: Level, event: str, **detail: object) -> None:
        """Something happened that belongs into the bot's log (see `events.EventLog.add`)."""

    def started(self, pid: int) -> None:
        """There is a process."""

    def ended(self) -> None:
        """There is none any more."""


@dataclass(frozen=True, slots=True)
class Keep:
    """How a bot's process is kept.

    `always_on`: it is there also when there is nothing to do; else it leaves after `idle_seconds`. `memory_mb`: so much
    memory of its own it may have.
    """

    idle_seconds: float
    memory_mb: int
    always_on: bool = False
