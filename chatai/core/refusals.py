"""What PostgreSQL refuses: for good, or for the moment."""

from __future__ import annotations

import math
import time

import psycopg
import structlog

log = structlog.get_logger(__name__)

# The connection broke, a deadlock, no room (disk, memory, connections), it goes down or somebody cancelled, the system
# failed; it has become a stand-by, a lock was not given. Source: https://www.postgresql.org/docs/current/errcodes-appendix.html
_PASSING = ("08", "40", "53", "57", "58000", "58030", "25006", "55P03")
TOLD_EVERY_SECONDS = 60.0
"""So often a refusal that passes is logged, of each kind: whoever tries again meets it again and again."""
_told_at: dict[str, float] = {}


def is_passing(error: BaseException | None) -> bool:
    """Whether the same may go well later: the server cannot be reached, or says that it cannot at the moment."""
    state = getattr(error, "sqlstate", None)
    if state is None:  # it has not answered
        return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    if not str(state).startswith(_PASSING):
        return False
    if time.monotonic() - _told_at.get(state, -math.inf) > TOLD_EVERY_SECONDS:
        _told_at[state] = time.monotonic()
        log.warning("database_refuses", sqlstate=state, error=str(error).partition("\n")[0])
    return True
