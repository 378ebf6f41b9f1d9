"""Who asks: a person, a bot, an API key or the system, and for which workspace."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal
from uuid import UUID

from chatai.core.i18n import Language


class Role(StrEnum):
    """What somebody may do: in a workspace by the membership, in the whole installation by the account.

    A user talks to assistants; an operator also tends knowledge and conversations; an admin does everything.
    """

    USER = "user"
    OPERATOR = "operator"
    ADMIN = "admin"

    def covers(self, needed: Role) -> bool:
        """Whether this role may do what `needed` may."""
        order = list(Role)
        return order.index(self) >= order.index(needed)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks, in one workspace. `role` counts in the workspace, `installation_role` in the whole installation."""

    kind: Literal["person", "bot", "api_key", "system"]
    workspace_id: UUID
    role: Role = Role.USER
    installation_role: Role = Role.USER
    account_id: UUID | None = None
    session_id: UUID | None = None
    bot_id: UUID | None = None
    language: Language = "en"
