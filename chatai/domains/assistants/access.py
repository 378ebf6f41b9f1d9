"""Who may do what with assistants."""

from __future__ import annotations

from chatai.core.actor import Actor, Role
from chatai.core.errors import Forbidden


def require_reader(actor: Actor) -> None:
    """Everybody in the workspace may see its assistants; so may its bots and the system."""
    if actor.kind == "person" and actor.account_id is None:
        raise Forbidden


def require_editor(actor: Actor) -> None:
    """Setting assistants up is for the workspace's admins, and for the system: a customer's bot gets a copy of one."""
    if actor.kind != "system" and (actor.kind != "person" or not actor.role.covers(Role.ADMIN)):
        raise Forbidden
