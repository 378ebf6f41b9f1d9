"""What a bot manager that is waited for begins before it has a loop: a zygote and the answer processes."""

from __future__ import annotations

from dataclasses import dataclass, field

from bots import answer_launch, zygote_launch
from bots.own_child import Begun, can_be_begun
from chatai.core.settings import Settings


@dataclass(frozen=True, slots=True)
class Ahead:
    """What is getting ready. Whatever could not be begun is started later, as it is needed."""

    zygote: Begun | None = None
    answers: list[Begun] = field(default_factory=list)


def begin(settings: Settings) -> Ahead:
    """The zygote first: it gets ready beside this process, which imports what the answer processes are forked with."""
    if not can_be_begun():
        return Ahead()
    return Ahead(zygote_launch.begin(), answer_launch.begin(settings, settings.bot_answer_processes))
