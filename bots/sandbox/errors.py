"""How the Bot API says no."""

from __future__ import annotations

from typing import Any


class ApiError(Exception):
    """An answer `{"ok": false, …}` in Telegram's words.

    Args:
        code: HTTP status and `error_code`.
        description: Telegram's text, with its prefix (`Bad Request: …`).
        retry_after: Seconds, goes into `parameters`.
        migrated_to: The chat that a group has become, likewise.
    """

    def __init__(
        self, code: int, description: str, *, retry_after: int | None = None, migrated_to: int | None = None
    ) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.retry_after = retry_after
        self.migrated_to = migrated_to

    def body(self) -> dict[str, Any]:
        body: dict[str, Any] = {"ok": False, "error_code": self.code, "description": self.description}
        if self.retry_after is not None:
            body["parameters"] = {"retry_after": self.retry_after}
        if self.migrated_to is not None:
            body["parameters"] = {"migrate_to_chat_id": self.migrated_to}
        return body


def bad_request(text: str) -> ApiError:
    return ApiError(400, f"Bad Request: {text}")


def forbidden(text: str) -> ApiError:
    return ApiError(403, f"Forbidden: {text}")


def too_many(retry_after: int) -> ApiError:
    return ApiError(429, f"Too Many Requests: retry after {retry_after}", retry_after=retry_after)


def unauthorized() -> ApiError:
    return ApiError(401, "Unauthorized")


CONFLICT_OTHER_POLL = (
    "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
)
CONFLICT_WEBHOOK = (
    "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
)
CONFLICT_SET_WEBHOOK = "Conflict: terminated by setWebhook request"
