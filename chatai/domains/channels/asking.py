"""What Telegram says no with, in words for people."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from chatai.core.errors import ChatAIError
from chatai.domains.channels.errors import ProfileRefused, TelegramBusy, TelegramUnreachable, TokenRevoked
from chatai.domains.channels.ports import TelegramAway, TelegramRefusal


@contextmanager
def asking(unknown_token: type[ChatAIError] = TokenRevoked) -> Iterator[None]:
    """Around calls to Telegram that a person waits for.

    Args:
        unknown_token: What it means here that Telegram does not know the token.

    Raises:
        TelegramUnreachable, TelegramBusy, ProfileRefused, or `unknown_token`. None of them carries the token.
    """
    try:
        yield
    except TelegramAway:
        raise TelegramUnreachable from None
    except TelegramRefusal as refusal:
        if refusal.status in {401, 404}:
            raise unknown_token from None
        if refusal.retry_after:
            raise TelegramBusy(seconds=refusal.retry_after) from None
        if refusal.status == 400:
            raise ProfileRefused(reason=refusal.description) from None
        raise TelegramUnreachable from None
