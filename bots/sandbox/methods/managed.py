"""Bots that were made for another one, and its power over their tokens (Bot API 9.6)."""

from __future__ import annotations

from bots.sandbox.errors import bad_request
from bots.sandbox.methods.registry import Call, method
from bots.sandbox.state import SandboxBot


def _managed(call: Call) -> SandboxBot:
    found = call.sandbox.bots.get(call.parameters.integer("user_id"))
    if found is None:
        raise bad_request("user not found")
    if found.managed_by != call.bot.id:
        raise bad_request("the bot is not managed by the current bot")
    return found


@method("getManagedBotToken")
async def get_managed_bot_token(call: Call) -> str:
    return _managed(call).token


@method("replaceManagedBotToken")
async def replace_managed_bot_token(call: Call) -> str:
    return call.sandbox.revoke(_managed(call))
