"""The file in which a sandbox's bots, tokens and chats outlive it. Messages and waiting updates do not."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from pathlib import Path
from typing import Any

from bots.sandbox.state import Business, Chat, Sandbox, SandboxBot, Webhook


class Keeper:
    """Writes the state soon after it changed, many changes at once."""

    def __init__(self, sandbox: Sandbox, path: Path) -> None:
        self.sandbox = sandbox
        self.path = path
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Reads what was kept and follows the changes from now on.

        Raises:
            ValueError: The file is damaged; the text names it.
        """
        if self.path.exists():
            try:
                restore(self.sandbox, json.loads(self.path.read_text()))
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(f"{self.path} is damaged ({error}); move it away to start with no bots") from error
        self.sandbox.on_change = self._changed

    def _changed(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(0.3, self.write)

    def write(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = self.path.with_suffix(".new")
        fresh.touch(mode=0o600)
        fresh.write_text(json.dumps(snapshot(self.sandbox), ensure_ascii=False))
        fresh.replace(self.path)


def snapshot(sandbox: Sandbox) -> dict[str, Any]:
    return {
        "revoked": sorted(sandbox.revoked),
        "people": list(sandbox.people.values()),
        "bots": [_bot_snapshot(bot) for bot in sandbox.bots.values()],
    }


def _bot_snapshot(bot: SandboxBot) -> dict[str, Any]:
    webhook = bot.webhook
    return {
        "token": bot.token,
        "name": bot.name,
        "username": bot.username,
        "next_id": max(bot.reserved_until, bot.next_update_id, bot.next_message_id),
        "privacy": bot.privacy,
        "description": bot.description,
        "short_description": bot.short_description,
        "can_manage_bots": bot.can_manage_bots,
        "managed_by": bot.managed_by,
        "names": bot.names,
        "commands": bot.commands,
        "allowed_updates": bot.allowed_updates,
        "webhook": {"url": webhook.url, "secret": webhook.secret, "max_connections": webhook.max_connections},
        "chats": [
            {
                "wire": chat.wire,
                "topics": {str(number): name for number, name in chat.topics.items()},
                "members": list(chat.members.values()),
                "closed": chat.closed,
                "migrated_to": chat.migrated_to,
            }
            for chat in bot.chats.values()
        ],
        "business": [
            {
                "id": account.id,
                "owner": account.owner,
                "date": account.date,
                "can_reply": account.can_reply,
                "enabled": account.enabled,
                "chats": [chat.wire for chat in account.chats.values()],
            }
            for account in bot.business.values()
        ],
    }


def restore(sandbox: Sandbox, kept: dict[str, Any]) -> None:
    sandbox.revoked = set(kept["revoked"])
    sandbox.people.update({person["id"]: person for person in kept["people"]})
    for item in kept["bots"]:
        bot = SandboxBot(
            token=item["token"],
            name=item["name"],
            username=item["username"],
            next_update_id=item["next_id"],
            next_message_id=item["next_id"],
            reserved_until=item["next_id"],
            privacy=item["privacy"],
            description=item["description"],
            short_description=item["short_description"],
            can_manage_bots=item.get("can_manage_bots", False),  # files of earlier versions have neither
            managed_by=item.get("managed_by", 0),
            names=item["names"],
            commands=item["commands"],
            allowed_updates=item["allowed_updates"],
            webhook=Webhook(**item["webhook"]),
            calls=deque(maxlen=sandbox.options.kept_calls),
        )
        for chat in item["chats"]:
            bot.chats[chat["wire"]["id"]] = Chat(
                chat["wire"]["id"],
                chat["wire"],
                topics={int(number): name for number, name in chat["topics"].items()},
                members={person["id"]: person for person in chat["members"]},
                closed=chat["closed"],
                migrated_to=int(chat.get("migrated_to", 0)),
            )
        for account in item.get("business", ()):
            chats = {wire["id"]: Chat(wire["id"], wire) for wire in account["chats"]}
            bot.business[account["id"]] = Business(**{**account, "chats": chats})
        sandbox.bots[bot.id] = bot
