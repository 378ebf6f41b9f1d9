"""Calls to a Bot API server (https://core.telegram.org/bots/api), without aiogram: that would cost 150 MB here."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import aiohttp

from chatai.core.scrubbing import scrub
from chatai.domains.channels.commands import BOT_COMMANDS
from chatai.domains.channels.ports import TelegramAway, TelegramRefusal
from chatai.domains.channels.schemas import BotIdentity, BotProfile, WebhookInfo
from chatai.integrations.http import Connections

ALLOWED_UPDATES = [
    "message", "edited_message", "channel_post", "callback_query", "my_chat_member", "managed_bot",
    "business_connection", "business_message", "edited_business_message", "deleted_business_messages",
]  # fmt: skip
"""The kinds of updates that bots understand; Telegram keeps the others to itself."""
CALL_SECONDS = 15
PHOTO_SECONDS = 60
MAX_WEBHOOK_CONNECTIONS = 40


class TelegramClient:
    """Speaks to one Bot API server for any number of bots. Connections are made in the loop of the first call."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url.rstrip("/")
        self._connections = Connections(self._base_url)

    async def get_me(self, token: str) -> BotIdentity:
        me = await self._call(token, "getMe")
        try:
            manages = me.get("can_manage_bots") is True
            return BotIdentity(int(me["id"]), str(me["username"]), str(me["first_name"]), manages)
        except (KeyError, TypeError, ValueError):
            raise TelegramAway("getMe did not say who the bot is") from None

    async def set_commands(self, token: str) -> None:
        for scope, by_language in BOT_COMMANDS.items():
            for language, commands in by_language.items():
                listed = [{"command": name, "description": description} for name, description in commands]
                code = "" if language == "en" else language  # English is for every language that is not listed
                await self._call(token, "setMyCommands", commands=listed, scope={"type": scope}, language_code=code)

    async def get_profile(self, token: str) -> BotProfile:
        description = await self._call(token, "getMyDescription")
        short = await self._call(token, "getMyShortDescription")
        try:
            return BotProfile(str(description["description"]), str(short["short_description"]))
        except (KeyError, TypeError):
            raise TelegramAway("the bot's description did not come") from None

    async def set_name(self, token: str, name: str) -> None:
        await self._call(token, "setMyName", name=name)

    async def set_description(self, token: str, text: str) -> None:
        await self._call(token, "setMyDescription", description=text)

    async def set_short_description(self, token: str, text: str) -> None:
        await self._call(token, "setMyShortDescription", short_description=text)

    async def set_photo(self, token: str, jpeg: bytes) -> None:
        form = aiohttp.FormData()
        form.add_field("photo", json.dumps({"type": "static", "photo": "attach://file"}))
        form.add_field("file", jpeg, filename="photo.jpg", content_type="image/jpeg")
        await self._send(token, "setMyProfilePhoto", PHOTO_SECONDS, data=form)

    async def remove_photo(self, token: str) -> None:
        await self._call(token, "removeMyProfilePhoto")

    async def get_managed_token(self, token: str, bot_id: int) -> str:
        return _token(await self._call(token, "getManagedBotToken", user_id=bot_id))

    async def replace_managed_token(self, token: str, bot_id: int) -> str:
        return _token(await self._call(token, "replaceManagedBotToken", user_id=bot_id))

    async def get_webhook_info(self, token: str) -> WebhookInfo:
        info = await self._call(token, "getWebhookInfo")
        try:
            failed = int(info.get("last_error_date") or 0)
            return WebhookInfo(
                url=str(info["url"]),
                pending=int(info["pending_update_count"]),
                error=scrub(str(info.get("last_error_message") or "")),
                error_at=datetime.fromtimestamp(failed, UTC) if failed else None,
                asks_for_all=sorted(info.get("allowed_updates") or []) == sorted(ALLOWED_UPDATES),
            )
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError, OSError):
            raise TelegramAway("getWebhookInfo did not say how the webhook is") from None

    async def set_webhook(self, token: str, url: str, secret: str) -> None:
        await self._call(
            token,
            "setWebhook",
            url=url,
            secret_token=secret,
            allowed_updates=ALLOWED_UPDATES,
            max_connections=MAX_WEBHOOK_CONNECTIONS,
        )

    async def delete_webhook(self, token: str) -> None:
        await self._call(token, "deleteWebhook", drop_pending_updates=False)

    async def get_updates(self, token: str, offset: int, seconds: int) -> list[dict[str, Any]]:
        found = await self._call(
            token,
            "getUpdates",
            wait=CALL_SECONDS + seconds,
            offset=offset,
            timeout=seconds,
            limit=100,
            allowed_updates=ALLOWED_UPDATES,
        )
        if not isinstance(found, list):
            raise TelegramAway("getUpdates did not bring a list")
        return found

    async def close(self) -> None:
        await self._connections.close()

    async def _call(self, token: str, method: str, wait: float = CALL_SECONDS, **parameters: Any) -> Any:
        return await self._send(token, method, wait, json=parameters)

    async def _send(self, token: str, method: str, wait: float, **body: Any) -> Any:
        url = f"{self._base_url}/bot{token}/{method}"
        timeout = aiohttp.ClientTimeout(total=wait, sock_connect=10)
        try:
            session = self._connections.session
            async with session.post(url, timeout=timeout, allow_redirects=False, **body) as response:
                answer = await response.json(content_type=None)
        except TimeoutError:
            raise TelegramAway(f"{method}: no answer within {wait:g} seconds") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # The error's text may hold the address and with it the token: only its kind leaves.
            raise TelegramAway(f"{method}: {type(error).__name__}") from None
        if not isinstance(answer, dict) or "ok" not in answer:
            raise TelegramAway(f"{method}: not an answer of a Bot API server")
        if answer["ok"]:
            return answer.get("result")
        status = int(answer.get("error_code") or response.status)
        retry_after = int((answer.get("parameters") or {}).get("retry_after") or 0)
        if status >= 500:
            raise TelegramAway(f"{method}: {status} {scrub(str(answer.get('description')))}")
        raise TelegramRefusal(status, scrub(str(answer.get("description") or "")), retry_after)


def _token(result: Any) -> str:
    if not isinstance(result, str):
        raise TelegramAway("no token came for the managed bot")
    return result
