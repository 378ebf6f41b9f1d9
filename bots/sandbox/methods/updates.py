"""How a bot gets its updates: long polling or a webhook."""

from __future__ import annotations

import asyncio
import re
import time
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from bots.sandbox.errors import (
    CONFLICT_OTHER_POLL,
    CONFLICT_SET_WEBHOOK,
    CONFLICT_WEBHOOK,
    ApiError,
    bad_request,
    unauthorized,
)
from bots.sandbox.methods.registry import Call, method
from bots.sandbox.state import SandboxBot, Webhook, Wire

LONGEST_POLL = 50  # seconds
FURTHEST_AHEAD = 10
SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}")
KINDS = {
    "message", "edited_message", "channel_post", "edited_channel_post", "business_connection", "business_message",
    "edited_business_message", "deleted_business_messages", "message_reaction", "message_reaction_count",
    "inline_query", "chosen_inline_result", "callback_query", "shipping_query", "pre_checkout_query",
    "purchased_paid_media", "poll", "poll_answer", "my_chat_member", "chat_member", "chat_join_request",
    "chat_boost", "removed_chat_boost", "guest_message", "managed_bot", "subscription", "stopped_message_generation",
}  # fmt: skip


def _remember_allowed_updates(call: Call) -> None:
    """`allowed_updates` stays in force until it is given again; an empty list means Telegram's default."""
    kinds = call.parameters.structure("allowed_updates", "allowed updates")
    if kinds is None:
        return
    if not isinstance(kinds, list):
        raise bad_request("can't parse allowed updates: expected an Array of String")
    call.bot.allowed_updates = [kind for kind in kinds if kind in KINDS]
    call.sandbox.on_change()


@method("getUpdates")
async def get_updates(call: Call) -> list[Wire]:
    bot, parameters = call.bot, call.parameters
    if bot.webhook.url:
        raise ApiError(409, CONFLICT_WEBHOOK)
    _remember_allowed_updates(call)
    call.sandbox.end_poll(bot, CONFLICT_OTHER_POLL)
    limit = parameters.integer("limit", 100)
    limit = limit if 1 <= limit <= 100 else 100
    wait_until = time.monotonic() + min(max(parameters.integer("timeout"), 0), LONGEST_POLL)
    _confirm(bot, parameters.integer("offset"))
    while not bot.updates and (left := wait_until - time.monotonic()) > 0:
        if refusal := await _poll(bot, left):
            if refusal == "Unauthorized":
                raise unauthorized()
            await _hold_conflict(call)
            raise ApiError(409, refusal)
    found = []
    for update in bot.updates.values():
        found.append(update)
        if len(found) == limit:
            break
    return found


def _confirm(bot: SandboxBot, offset: int) -> None:
    """Forgets the updates before the offset; a negative one keeps that many of the last. One far beyond the last update
    says nothing: it is of a time before the numbers began anew, and everything that waits is brought.

    Source: TQueue::get and Client::do_get_updates of https://github.com/tdlib/telegram-bot-api
    """
    if bot.updates and offset > max(bot.updates) + FURTHEST_AHEAD:
        return
    for number in list(bot.updates)[:offset] if offset < 0 else [number for number in bot.updates if number < offset]:
        del bot.updates[number]


async def _poll(bot: SandboxBot, seconds: float) -> str:
    """Waits for an update; gives back the refusal if the poll was ended from outside."""
    poll: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    bot.poll = poll
    try:
        await asyncio.wait([poll], timeout=seconds)
    finally:
        if bot.poll is poll:
            bot.poll = None
    return poll.result() if poll.done() else ""


async def _hold_conflict(call: Call) -> None:
    """Rival polls would end each other without pause: Telegram answers every other 409 late."""
    now, pause = time.monotonic(), call.sandbox.options.conflict_pause
    if now >= call.bot.next_conflict_at:
        call.bot.next_conflict_at = now + pause
    else:
        await asyncio.sleep(pause)


@method("setWebhook")
async def set_webhook(call: Call) -> bool:
    bot, parameters = call.bot, call.parameters
    url = parameters.text("url").strip()
    if not url:
        return _delete_webhook(call)
    secret = parameters.text("secret_token")
    if len(secret) > 256:
        raise bad_request("secret token is too long")
    if secret and not SECRET.fullmatch(secret):
        raise bad_request("secret token contains unallowed characters")
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise bad_request("bad webhook: An HTTPS URL must be provided for webhook")
    if parts.scheme == "http" and not _near(parts.hostname):
        raise bad_request("bad webhook: An HTTPS URL must be provided for webhook")
    _remember_allowed_updates(call)
    connections = min(max(parameters.integer("max_connections", 40), 1), 100)
    old = bot.webhook
    same = (old.url, old.secret, old.max_connections) == (url, secret, connections)
    _drop_pending(call)
    if same and bot.courier:
        call.note = "Webhook is already set"
        return True
    call.sandbox.end_poll(bot, CONFLICT_SET_WEBHOOK)
    if bot.courier:
        bot.courier.stop()
    bot.webhook = Webhook(url=url, secret=secret, max_connections=connections)
    call.sandbox.start_courier(bot)
    call.sandbox.on_change()
    call.sandbox.publish(bot, "profile")
    call.note = "Webhook was set"
    return True


def _near(host: str) -> bool:
    """Plain http is for this machine and its private network, as with a Bot API server of one's own."""
    try:
        return ip_address(host).is_private
    except ValueError:
        return "." not in host


def _drop_pending(call: Call) -> None:
    if call.parameters.boolean("drop_pending_updates"):
        call.bot.updates.clear()


def _delete_webhook(call: Call) -> bool:
    bot = call.bot
    _drop_pending(call)
    call.note = "Webhook was deleted" if bot.webhook.url else "Webhook is already deleted"
    if bot.courier:
        bot.courier.stop()
        bot.courier = None
    bot.webhook = Webhook()
    call.sandbox.on_change()
    call.sandbox.publish(bot, "profile")
    return True


@method("deleteWebhook")
async def delete_webhook(call: Call) -> bool:
    return _delete_webhook(call)


@method("getWebhookInfo")
async def get_webhook_info(call: Call) -> Wire:
    bot = call.bot
    info: dict[str, Any] = {
        "url": bot.webhook.url,
        "has_custom_certificate": False,
        "pending_update_count": len(bot.updates),
    }
    if bot.webhook.url:
        info["max_connections"] = bot.webhook.max_connections
        if bot.webhook.last_error_date:
            info["last_error_date"] = bot.webhook.last_error_date
            info["last_error_message"] = bot.webhook.last_error_message
    if bot.allowed_updates:
        info["allowed_updates"] = bot.allowed_updates
    return info


@method("logOut")
async def log_out(call: Call) -> bool:
    """A bot that leaves this server: its webhook goes. It may come back at once, the sandbox needs no ten minutes."""
    return _delete_webhook(call)


@method("close")
async def close(call: Call) -> bool:
    return True
