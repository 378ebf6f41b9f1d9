"""The folder through which files go from a bot's process, which fetches them, to the answer process, which reads them.

A file of 20 MB is no message for the wire. Each bot has a folder of its own under `DATA_DIR/run/incoming`; who fetched
a file removes it when its answer is done. What a killed process left behind is swept away by its age.
"""

from __future__ import annotations

import re
import secrets
import stat
import time
from pathlib import Path

MAX_BYTES = 20 * 1024 * 1024
"""What Telegram lets a bot fetch."""
LIFE_SECONDS = 3600.0

_NAME = re.compile(r"[0-9a-f]{32}")


def folder_of(run_dir: Path, bot_id: str) -> Path:
    return run_dir / "incoming" / bot_id


def new_file(folder: Path) -> Path:
    """A new, empty file that nobody else may read."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / secrets.token_hex(16)
    path.touch(mode=0o600, exist_ok=False)
    return path


def find(folder: Path, name: str) -> Path:
    """The file of this name.

    Raises:
        ValueError: It is no name of ours, or no plain file: a bot's process that was taken over may have put a link
            there, to something that it cannot read and we can.
        FileNotFoundError: It is gone.
    """
    path = folder / name
    if not _NAME.fullmatch(name) or not stat.S_ISREG(path.lstat().st_mode) or path.parent.is_symlink():
        raise ValueError("not an incoming file")
    return path


def sweep(run_dir: Path) -> int:
    """Removes what is older than any answer takes; how many files that were."""
    oldest, removed = time.time() - LIFE_SECONDS, 0
    for path in (run_dir / "incoming").glob("*/*"):
        try:
            if path.stat().st_mtime < oldest:
                path.unlink()
                removed += 1
        except FileNotFoundError:
            continue  # its answer was done just now
    return removed
