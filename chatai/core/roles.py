"""The database's roles. Apart from `database`, so that the launcher knows them without SQLAlchemy's 25 MB."""

from __future__ import annotations

from urllib.parse import quote, urlsplit, urlunsplit

from chatai.core.crypto import derive_key

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
