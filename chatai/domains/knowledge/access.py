"""Who may do what with documents."""

from __future__ import annotations

from chatai.core.actor import Actor, Role
from chatai.core.errors import Forbidden


def require_reader(actor: Actor) -> None:
    """Everybody in the workspace may see what its assistants know; so may its bots and the system."""
    if actor.kind == "person" and actor.account_id is None:
        raise Forbidden


def is_keeper(actor: Actor) -> bool:
    """Tending knowledge is for the workspace's operators and admins."""
    return actor.kind == "person" and actor.account_id is not None and actor.role.covers(Role.OPERATOR)


def require_keeper(actor: Actor) -> None:
    if not is_keeper(actor):
        raise Forbidden


def require_tester(actor: Actor) -> None:
    """Trying the search shows passages with their ranks: for those who tend the knowledge."""
    require_keeper(actor)


def require_copier(actor: Actor) -> None:
    """Copying what is there is for who tends it, and for the system: a customer's bot gets a copy of an assistant."""
    if actor.kind != "system":
        require_keeper(actor)
