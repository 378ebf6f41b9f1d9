"""How much room a workspace's documents may take."""

from __future__ import annotations

from chatai.core.database import UnitOfWork
from chatai.core.settings import get_settings
from chatai.domains.knowledge import repository
from chatai.domains.knowledge.errors import QuotaExceeded


async def require_room(uow: UnitOfWork, size_bytes: int) -> None:
    """Raises: QuotaExceeded, when so many bytes more are too many for the workspace."""
    quota_mb = get_settings().workspace_storage_mb
    if quota_mb and await repository.stored_bytes(uow) + size_bytes > quota_mb * 1024 * 1024:
        raise QuotaExceeded(quota_mb=quota_mb)
