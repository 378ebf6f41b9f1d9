"""What Linux tells of a process in /proc."""

from __future__ import annotations


def stat_fields(pid: int) -> list[bytes] | None:
    """The fields of proc_pid_stat(5) from the third on, the state: those before it may have blanks in them. None where
    there is no such process, or nothing of it is told."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as told:
            return told.read().rpartition(b")")[2].split()
    except OSError:
        return None
