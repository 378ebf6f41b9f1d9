"""The one clock: aware UTC times."""

from datetime import UTC, datetime


def now() -> datetime:
    """The present moment, in UTC with its zone."""
    return datetime.now(UTC)
