"""Files on disk: private, whole, and with no names of people's making."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from uuid import UUID

import pytest

from chatai.core.ids import new_id
from chatai.domains.knowledge.errors import StorageFull
from chatai.integrations.storage import LocalFileStore


@pytest.fixture
def store(tmp_path: Path) -> LocalFileStore:
    return LocalFileStore(tmp_path / "uploads")


def files(store: LocalFileStore) -> list[str]:
    return sorted(path.name for path in store.root.rglob("*") if path.is_file())


def test_file_appears_whole_and_private(store: LocalFileStore) -> None:
    account = new_id()
    new = store.new(account)
    new.write(b"ab")
    assert files(store) == [f"{new.storage_name}.part"]
    new.write(b"c")
    new.finish()
    store.keep(account, new.storage_name)
    path = store.path(account, new.storage_name)
    assert path.read_bytes() == b"abc"
    assert path == store.root / str(account) / "documents" / new.storage_name
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert files(store) == [new.storage_name]


def test_discarded_and_deleted_leave_nothing(store: LocalFileStore) -> None:
    account = new_id()
    new = store.new(account)
    new.write(b"x")
    new.discard()
    assert files(store) == []
    kept = store.new(account)
    kept.finish()
    store.keep(account, kept.storage_name)
    store.delete(account, kept.storage_name)
    store.delete(account, kept.storage_name)
    assert files(store) == []


@pytest.mark.parametrize("name", ["../../etc/passwd", "a" * 31, "A" * 32, "", "0" * 32 + "/x"])
def test_only_generated_names_are_opened(store: LocalFileStore, name: str) -> None:
    with pytest.raises(ValueError, match="generated"):
        store.path(UUID(int=1), name)


def test_full_disk_has_a_sentence(store: LocalFileStore, monkeypatch: pytest.MonkeyPatch) -> None:
    new = store.new(new_id())

    def no_room(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("chatai.integrations.storage.os.write", no_room)
    with pytest.raises(StorageFull):
        new.write(b"x")
    new.discard()
    assert files(store) == []
