"""People of the installation, their log-ins, and the tokens mailed to them. Not tenants' tables: see workspaces."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlmodel import Field

from chatai.core.actor import Role
from chatai.core.tables import Row, timestamp


class Account(Row, table=True):
    """A person who can log in. `role` holds for the whole installation; a workspace's role is in its membership."""

    __tablename__ = "account"

    email: str = Field(unique=True, max_length=254, description="Lower case.")
    name: str = Field(max_length=100)
    password_hash: str = Field(max_length=255, description="Argon2id, PHC string format.")
    role: str = Field(default=Role.USER, max_length=16)
    language: str = Field(default="en", max_length=2)
    confirmed_at: datetime | None = timestamp(nullable=True)
    disabled_at: datetime | None = timestamp(nullable=True)


class LoginSession(Row, table=True):
    """One log-in. Its id is the JWT's `jti`; revoking the row ends the log-in at once."""

    __tablename__ = "login_session"

    account_id: UUID = Field(foreign_key="account.id", ondelete="CASCADE", index=True)
    workspace_id: UUID | None = Field(default=None, description="The workspace that the person works in.")
    expires_at: datetime = timestamp(index=True)
    last_seen_at: datetime = timestamp(default=True)
    revoked_at: datetime | None = timestamp(nullable=True)
    user_agent: str = Field(default="", max_length=300)
    address: str = Field(default="", max_length=45, description="IP address at log-in.")


class AccountToken(Row, table=True):
    """A link sent by mail (confirm, reset) or printed at set-up. Only a digest is stored; it works once."""

    __tablename__ = "account_token"

    account_id: UUID | None = Field(default=None, foreign_key="account.id", ondelete="CASCADE", index=True)
    purpose: str = Field(max_length=16, description="confirm, reset or setup.")
    token_digest: str = Field(unique=True, max_length=64)
    expires_at: datetime = timestamp(index=True)
    used_at: datetime | None = timestamp(nullable=True)
