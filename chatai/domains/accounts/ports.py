"""What accounts need from outside."""

from __future__ import annotations

from typing import Protocol

from chatai.core.ports import Port


class Mailer(Protocol):
    """Sends one plain-text mail, or raises `chatai.core.errors.Unavailable`."""

    async def send(self, to: str, subject: str, text: str) -> None: ...


mailer: Port[Mailer] = Port("mailer")
