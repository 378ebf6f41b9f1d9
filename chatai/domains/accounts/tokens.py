"""The JWT in the session cookie (RFC 7519). It only names the log-in; whether that still counts is asked each time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import jwt

from chatai.core.crypto import derive_key
from chatai.core.settings import Settings

_ISSUER = "chatai"


@dataclass(frozen=True, slots=True)
class SessionClaims:
    """Which log-in of which account."""

    session_id: UUID
    account_id: UUID


def encode(settings: Settings, claims: SessionClaims, issued_at: datetime, expires_at: datetime) -> str:
    payload = {
        "iss": _ISSUER,
        "sub": str(claims.account_id),
        "jti": str(claims.session_id),
        "iat": int(issued_at.timestamp()),
        "exp": int(expires_at.timestamp()),
    }
    return jwt.encode(payload, derive_key(settings.secret(), "session"), algorithm=settings.algorithm)


def decode(settings: Settings, token: str) -> SessionClaims | None:
    """The claims, or None if the token is not ours, was changed, or is too old."""
    try:
        payload = jwt.decode(
            token,
            derive_key(settings.secret(), "session"),
            algorithms=[settings.algorithm],
            issuer=_ISSUER,
            options={"require": ["exp", "sub", "jti"]},
        )
        return SessionClaims(session_id=UUID(payload["jti"]), account_id=UUID(payload["sub"]))
    except (jwt.InvalidTokenError, ValueError, TypeError, AttributeError):
        return None
