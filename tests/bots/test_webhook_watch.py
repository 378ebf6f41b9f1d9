"""The watch over webhooks goes from bot to bot, so no bot may hold it up."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from bots.webhook_watch import WebhookWatch
from chatai.core.database import Database
from chatai.core.ids import new_id
from chatai.core.settings import Settings
from chatai.domains.channels import service
from chatai.domains.channels.ports import TelegramRefusal, telegram


class Throttled:
    """Telegram, when it has had enough of a bot."""

    async def get_webhook_info(self, token: str) -> None:
        raise TelegramRefusal(429, "Too Many Requests", 3600)


@pytest.fixture
def throttled() -> Iterator[None]:
    before = telegram.optional
    telegram.bind(Throttled())
    yield
    telegram.bind(before)


async def test_a_bot_that_telegram_has_wait_an_hour_holds_up_no_other(
    throttled: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "token_of", lambda bot: "1:x")
    settings = Settings(_env_file=None, public_url="https://example.com")
    watch = WebhookWatch(Database("postgresql://nobody@localhost/none"), settings, lambda *_: None, lambda _: True)
    runner = SimpleNamespace(bot=SimpleNamespace(id=new_id()), worker=None)
    await asyncio.wait_for(watch.check(runner), 5)
