"""What assistants take and give."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class AssistantDraft:
    """The set-up of an assistant, as a person edits it. An empty model stands for the installation's."""

    name: str
    description: str = ""
    instructions: str = ""
    greeting: str = ""
    model: str = ""
    temperature: float = 0.2


@dataclass(frozen=True, slots=True)
class AssistantSummary:
    """One line of the list of assistants. Written answers are not among its documents."""

    id: UUID
    name: str
    description: str
    document_count: int
    ready_document_count: int
    failed_document_count: int
    bot_count: int
    conversation_count: int
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class AssistantDetail:
    """An assistant as it answers now."""

    id: UUID
    name: str
    description: str
    instructions: str
    greeting: str
    model: str
    temperature: float
    version: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class VersionSummary:
    """One saved state of the set-up."""

    number: int
    name: str
    instructions: str
    account_id: UUID | None
    created_at: datetime
    is_current: bool
