"""Who may do what with bots."""

from __future__ import annotations

from chatai.core.actor import Actor, Role
from chatai.domains.channels.errors import MayNotManageBots, NotInstallationAdmin


def may_manage_bots(actor: Actor) -> bool:
    """Connect and remove."""
    return actor.kind == "system" or (actor.kind != "bot" and actor.role.covers(Role.ADMIN))


def may_run_bots(actor: Actor) -> bool:
    """Start, stop and look."""
    return actor.kind == "system" or (actor.kind != "bot" and actor.role.covers(Role.OPERATOR))


def require_everywhere(actor: Actor) -> None:
    """Bots of all workspaces are for the installation's admins."""
    if actor.kind != "person" or actor.account_id is None or not actor.installation_role.covers(Role.ADMIN):
        raise NotInstallationAdmin


def require_manage_bots(actor: Actor) -> None:
    if not may_manage_bots(actor):
        raise MayNotManageBots


def require_run_bots(actor: Actor) -> None:
    if not may_run_bots(actor):
        raise MayNotManageBots
