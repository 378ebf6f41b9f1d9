"""The database's roles. Apart from `database`, so that the launcher knows them without SQLAlchemy's 25 MB."""

from __future__ import annotations

from urllib.parse import quote, urlsplit, urlunsplit

from chatai.core.crypto import derive_key
from chatai.core.settings import Settings, SettingsError

APP_ROLE = "chatai_app"
SYSTEM_ROLE = "chatai_system"


def app_password(secret: str) -> str:
    """Password of the application role: derived, so that every process with the same secret key knows it."""
    return derive_key(secret, "database-app-role").hex()


def app_url(owner_url: str, secret: str) -> str:
    """The owner's address, for the application role."""
    parts = urlsplit(owner_url)
    address = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{quote(APP_ROLE)}:{app_password(secret)}@{address}"))


def application_url(settings: Settings) -> str:
    """The database's address as the application role.

    Raises:
        SettingsError: Neither `DATABASE_APP_URL` nor `DATABASE_URL` is set.
    """
    if settings.database_app_url is not None:
        return settings.database_app_url.get_secret_value()
    if settings.database_url is not None:
        return app_url(settings.database_url.get_secret_value(), settings.secret())
    raise SettingsError("DATABASE_URL: this process needs a database; set it, or start everything with `chatai up`")
