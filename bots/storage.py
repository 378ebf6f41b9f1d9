"""The bots' way into the database."""

from __future__ import annotations

from chatai.core.database import Database
from chatai.core.roles import app_url
from chatai.core.settings import Settings


def open_database(settings: Settings, pool_size: int | None = None) -> Database:
    """The application's way into the database. Raises: RuntimeError: no database is configured.

    `pool_size`: connections that may be held, where that is not to be `DATABASE_POOL_SIZE`.
    """
    pool_size = pool_size or settings.database_pool_size
    if settings.database_app_url is not None:
        return Database(settings.database_app_url.get_secret_value(), pool_size)
    if settings.database_url is None:
        raise RuntimeError("DATABASE_URL is not set")
    return Database(app_url(settings.database_url.get_secret_value(), settings.secret()), pool_size)
