"""People's files on the local disk: `uploads/{account_id}/documents/{generated}`, readable by this user alone."""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

from chatai.domains.knowledge.errors import StorageFull
from chatai.domains.knowledge.ports import FileOnDisk

QUARANTINE = "quarantine"  # beside `documents`: what the malware scanner found something in
PART = ".part"  # a file that is being received
GENERATED = re.compile(r"[0-9a-f]{32}")
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class LocalNewFile:
    """A file that is being received, under `NAME.part`. Closed by `finish` or `discard`."""

    def __init__(self, folder: Path, storage_name: str) -> None:
        self.storage_name = storage_name
        self.path = folder / (storage_name + PART)
        self._descriptor: int | None = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)

    def write(self, data: bytes) -> None:
        if self._descriptor is None:
            raise ValueError("the file is closed")
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._descriptor, view) :]
        except OSError as error:
            if error.errno in NO_ROOM:
                raise StorageFull from error
            raise

    def finish(self) -> None:
        if self._descriptor is not None:
            try:
                os.fsync(self._descriptor)
            except OSError as error:
                if error.errno in NO_ROOM:
                    raise StorageFull from error
                raise
            self._close()

    def discard(self) -> None:
        self._close()
        self.path.unlink(missing_ok=True)

    def _close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class LocalFileStore:
    """Files under one folder. Names are generated here; one that was not is refused."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def new(self, account_id: UUID) -> LocalNewFile:
        folder = self._folder(account_id)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return LocalNewFile(folder, secrets.token_hex(16))

    def keep(self, account_id: UUID, storage_name: str) -> None:
        path = self.path(account_id, storage_name)
        path.with_name(storage_name + PART).rename(path)
        _sync_folder(path.parent)

    def path(self, account_id: UUID, storage_name: str) -> Path:
        if not GENERATED.fullmatch(storage_name):
            raise ValueError("not a generated name")
        return self._folder(account_id) / storage_name

    def copy(self, account_id: UUID, storage_name: str) -> str | None:
        original, copied = self.path(account_id, storage_name), secrets.token_hex(16)
        target = original.with_name(copied)
        try:
            try:
                target.hardlink_to(original)  # files are never changed, so that two names may share the bytes
            except FileNotFoundError:
                return None
            except OSError:  # the file system has no links
                shutil.copyfile(original, target)
                target.chmod(0o600)
        except OSError as error:
            target.unlink(missing_ok=True)
            if error.errno in NO_ROOM:
                raise StorageFull from error
            raise
        _sync_folder(target.parent)
        return copied

    def delete(self, account_id: UUID, storage_name: str) -> None:
        path = self.path(account_id, storage_name)
        path.unlink(missing_ok=True)
        path.with_name(storage_name + PART).unlink(missing_ok=True)
        (path.parent.parent / QUARANTINE / storage_name).unlink(missing_ok=True)

    def quarantine(self, account_id: UUID, storage_name: str) -> None:
        path = self.path(account_id, storage_name)
        folder = path.parent.parent / QUARANTINE
        folder.mkdir(exist_ok=True, mode=0o700)
        try:
            path.rename(folder / storage_name)
        except FileNotFoundError:
            return  # it is there already, or was removed
        (folder / storage_name).chmod(0o400)
        _sync_folder(folder)

    def inventory(self) -> Iterator[FileOnDisk]:
        for folder in self.root.glob("*/documents"):
            try:
                account_id = UUID(folder.parent.name)
            except ValueError:
                continue  # `system` and whatever else is no person's
            for entry in os.scandir(folder):
                name = entry.name.removesuffix(PART)
                if not GENERATED.fullmatch(name) or not entry.is_file(follow_symlinks=False):
                    continue
                try:
                    found = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue  # deleted meanwhile
                yield FileOnDisk(account_id, name, found.st_size, found.st_mtime, entry.name.endswith(PART))

    def _folder(self, account_id: UUID) -> Path:
        return self.root / str(account_id) / "documents"


def _sync_folder(folder: Path) -> None:
    """Makes a rename in the folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
