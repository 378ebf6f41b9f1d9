"""The bots' way into the database."""

from __future__ import annotations

from chatai.core.database import Database
from chatai.core.roles import application_url
from chatai.core.settings import Settings


def open_database(settings: Settings, pool_size: int | None = None) -> Database:
    """The application's way into the database. Raises: SettingsError: no database is configured.

    `pool_size`: connections that may be held, where that is not to be `DATABASE_POOL_SIZE`.
    """
    return Database(application_url(settings), pool_size or settings.database_pool_size)
