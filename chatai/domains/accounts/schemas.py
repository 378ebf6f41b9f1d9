"""What accounts take and give."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from chatai.core.actor import Role
from chatai.core.i18n import Language

SESSION_COOKIE = "chatai_session"


@dataclass(frozen=True, slots=True)
class Registration:
    """What a person enters to register. `setup_token` comes from the first-admin link."""

    email: str
    name: str
    password: str
    language: Language = "en"
    setup_token: str = ""


@dataclass(frozen=True, slots=True)
class Client:
    """Where a request comes from: IP address and the browser's name."""

    address: str = ""
    user_agent: str = ""


@dataclass(frozen=True, slots=True)
class LogIn:
    """A fresh log-in: the cookie's value (JWT, RFC 7519) and when it ends."""

    token: str
    expires_at: datetime
    account_id: UUID
    language: Language


@dataclass(frozen=True, slots=True)
class AccountView:
    """A person's account as they see it."""

    id: UUID
    email: str
    name: str
    role: Role
    language: Language
    workspace_name: str
    workspace_role: Role
    created_at: datetime


@dataclass(frozen=True, slots=True)
class SessionView:
    """One log-in as its person sees it."""

    id: UUID
    user_agent: str
    address: str
    created_at: datetime
    last_seen_at: datetime
    is_current: bool


@dataclass(frozen=True, slots=True)
class Recipient:
    """A person to write a mail to."""

    email: str
    name: str
    language: Language
