"""Malware, quotas, and files that nobody has any more."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from chatai.core.actor import Actor
from chatai.core.database import Database
from chatai.core.settings import Settings
from chatai.domains.knowledge import quota, service
from chatai.domains.knowledge.errors import FileMissing, QuotaExceeded
from chatai.domains.knowledge.ports import malware_scanner
from chatai.integrations.clamav import ClamdScanner
from tests.integrations.test_clamav import BAD, clamd
from tests.knowledge.conftest import Add
from tests.knowledge.test_ingestion import get

__all__ = ["clamd"]


@pytest.fixture
def scanner(clamd: str) -> Iterator[None]:
    malware_scanner.bind(ClamdScanner(clamd))
    yield
    malware_scanner.bind(None)


@pytest.fixture
def absent_scanner() -> Iterator[None]:
    malware_scanner.bind(ClamdScanner("unix:/nowhere/at/all"))
    yield
    malware_scanner.bind(None)


async def jobs(database: Database) -> list[Any]:
    async with database.system() as uow:
        rows = await uow.session.execute(
            text("SELECT scheduled_at FROM procrastinate_jobs WHERE task_name = 'ingest_document' ORDER BY id")
        )
        return list(rows.scalars())


async def test_malware_is_locked_away_and_never_read(
    scanner: None, database: Database, actor: Actor, ready: Add, settings: Settings
) -> None:
    good = await ready("good.txt", "An ordinary document.")
    assert good.state == "ready"
    bad = await ready("bad.txt", b"Text with " + BAD)
    assert (bad.state, bad.error_code, bad.chunk_count) == ("failed", "malware_found", 0)
    assert "Own.Test" in bad.error("ru")
    async with database.workspace(actor.workspace_id) as uow:
        with pytest.raises(FileMissing):
            await service.open_original(uow, actor, bad.id)
        assert (await service.retry_document(uow, actor, bad.id)).state == "failed"
        actions = (await uow.session.execute(text("SELECT action FROM audit_event"))).scalars().all()
    assert "knowledge:document:quarantine" in actions
    (locked,) = settings.uploads_dir.glob("*/quarantine/*")
    assert locked.stat().st_mode & 0o777 == 0o400
    async with database.workspace(actor.workspace_id) as uow:
        await service.delete_document(uow, actor, bad.id)
    assert not locked.exists()


async def test_without_the_scanner_a_document_waits_and_says_so(
    absent_scanner: None, database: Database, actor: Actor, add: Add, clamd: str
) -> None:
    document = await add("a.txt", "An ordinary document.")
    await service.ingest(database, actor.workspace_id, document.id, last_try=True)
    waiting = await get(database, actor, document.id)
    assert (waiting.state, waiting.error_code, waiting.chunk_count) == ("queued", "scanner_away", 0)
    first, again = await jobs(database)
    assert first is None
    assert again is not None
    async with database.workspace(actor.workspace_id, actor.account_id) as uow:
        hastened = await service.retry_document(uow, actor, document.id)
    assert (hastened.state, hastened.error_code) == ("queued", "")
    assert await jobs(database) == [None, None]  # now, and no third time
    malware_scanner.bind(ClamdScanner(clamd))
    await service.ingest(database, actor.workspace_id, document.id)
    done = await get(database, actor, document.id)
    assert (done.state, done.error_code) == ("ready", "")


async def test_a_workspace_has_a_quota(
    add: Add, settings: Settings, monkeypatch: pytest.MonkeyPatch, database: Database, actor: Actor
) -> None:
    monkeypatch.setattr(quota, "get_settings", lambda: settings.model_copy(update={"workspace_storage_mb": 1}))
    first = await add("first.txt", "a" * 700_000)
    with pytest.raises(QuotaExceeded):
        await add("second.txt", "b" * 700_000)
    assert len(list(settings.uploads_dir.glob("*/documents/*"))) == 1
    async with database.workspace(actor.workspace_id) as uow:
        await service.delete_document(uow, actor, first.id)
    await add("second.txt", "b" * 700_000)


async def test_orphans_are_counted_then_removed(add: Add, database: Database, settings: Settings) -> None:
    document = await add("kept.txt", "kept")
    (kept,) = settings.uploads_dir.glob("*/documents/*")
    orphan, cut_off = kept.with_name("0" * 32), kept.with_name("1" * 32 + ".part")
    young, foreign = kept.with_name("2" * 32), kept.with_name("notes.txt")
    for path in (orphan, cut_off, young, foreign):
        path.write_bytes(b"x" * 10)
    for path in (kept, orphan, cut_off, foreign):
        _age(path, days=2)
    counted = await service.remove_orphans(database, dry_run=True)
    assert (counted.files, counted.size_bytes, counted.removed) == (2, 20, False)
    assert orphan.exists()
    removed = await service.remove_orphans(database, dry_run=False)
    assert (removed.files, removed.removed) == (2, True)
    assert sorted(path.name for path in kept.parent.iterdir()) == sorted([kept.name, young.name, foreign.name])
    assert document.state == "queued"


def _age(path: Path, *, days: float) -> None:
    moment = time.time() - days * 86_400
    os.utime(path, (moment, moment))
