"""What all runners of a manager share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from bots.answer_pool import AnswerPool
from bots.events import EventLog
from bots.fairness import Share
from bots.inbox import Inbox
from bots.metrics import Metrics
from bots.permits import Permits
from bots.places import Places
from bots.tuning import Tuning
from bots.zygote_client import ZygoteClient
from chatai.core.settings import Settings

if TYPE_CHECKING:
    from bots.runner import Report


@dataclass(frozen=True, slots=True)
class Means:
    """What all runners share."""

    zygote: ZygoteClient
    answers: AnswerPool
    inbox: Inbox
    settings: Settings
    tuning: Tuning
    report: Report
    events: EventLog
    manager_id: UUID
    permits: Permits
    share: Share
    """What one bot may bring, and have begun."""
    metrics: Metrics
    places: Places
