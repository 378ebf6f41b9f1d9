"""A log file that several processes write and that is renamed at midnight."""

from __future__ import annotations

import fcntl
import logging.handlers
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

_DATED = re.compile(r"\.\d{4}-\d{2}-\d{2}$")


class SharedDailyFile(logging.handlers.WatchedFileHandler):
    """Appends to `path`; on the first line after midnight (UTC) the file becomes `path.YYYY-MM-DD`.

    The standard library's TimedRotatingFileHandler renames once per process and so loses lines when several share a
    file. Here the rename happens under a lock and only if the file's last line is of an earlier day; the others
    notice the new file by its inode (WatchedFileHandler).
    """

    def __init__(self, path: Path, keep_days: int) -> None:
        super().__init__(path, encoding="utf-8")
        self.path = path
        self.keep_days = keep_days
        self._day = self._written_on()

    def emit(self, record: logging.LogRecord) -> None:
        today = datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%d")
        if today > self._day:
            self._rotate(today)
        super().emit(record)

    def _written_on(self) -> str:
        try:
            return datetime.fromtimestamp(self.path.stat().st_mtime, UTC).strftime("%Y-%m-%d")
        except FileNotFoundError:
            return ""

    def _rotate(self, today: str) -> None:
        with self.path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            day = self._written_on()
            if day and day < today:
                self.path.rename(self.path.with_name(f"{self.path.name}.{day}"))
            oldest = (datetime.fromisoformat(today) - timedelta(days=self.keep_days)).strftime("%Y-%m-%d")
            for old in self.path.parent.glob(f"{self.path.name}.*"):
                if _DATED.search(old.name) and old.name[-10:] < oldest:
                    old.unlink(missing_ok=True)
        self._day = today
