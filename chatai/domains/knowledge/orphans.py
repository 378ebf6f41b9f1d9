"""Files that no document has: what a kill in the middle of an upload or of a deletion left behind."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

import structlog

from chatai.core.database import Database
from chatai.domains.audit import service as audit
from chatai.domains.knowledge import repository
from chatai.domains.knowledge.ports import FileOnDisk, file_store

log = structlog.get_logger(__name__)

GRACE_SECONDS = 24 * 3600.0
"""A younger file may belong to an upload that is under way, or to a transaction that is not committed yet."""


@dataclass(frozen=True, slots=True)
class Orphans:
    """What was found. `removed` is false after a dry run."""

    files: int
    size_bytes: int
    removed: bool


async def remove_orphans(database: Database, *, dry_run: bool, grace_seconds: float = GRACE_SECONDS) -> Orphans:
    """Removes files older than the grace that belong to no document, or only counts them. For the system."""
    old = await asyncio.to_thread(lambda: _older_than(time.time() - grace_seconds))
    if not old:
        return Orphans(0, 0, not dry_run)
    async with database.system() as uow:  # after the look at the disk: what was added meanwhile is younger than that
        known = await repository.storage_names(uow)
    orphans = [file for file in old if file.storage_name not in known or file.unfinished]
    found = Orphans(len(orphans), sum(file.size_bytes for file in orphans), not dry_run)
    if dry_run or not orphans:
        return found
    for file in orphans:
        await asyncio.to_thread(file_store().delete, file.account_id, file.storage_name)
    async with database.system() as uow:
        await audit.record(uow, None, "knowledge:orphans:delete", files=found.files, size_bytes=found.size_bytes)
    log.info("removed files that belong to no document", files=found.files, size_bytes=found.size_bytes)
    return found


def _older_than(moment: float) -> list[FileOnDisk]:
    return [file for file in file_store().inventory() if file.changed_at < moment]
