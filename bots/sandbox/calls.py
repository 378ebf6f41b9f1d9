"""Performs one call of a bot: trouble first, then the method, then the log."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from dataclasses import dataclass
from typing import Any

from bots.sandbox.errors import ApiError
from bots.sandbox.methods import METHODS, Call, unknown_method
from bots.sandbox.parameters import Parameters
from bots.sandbox.state import Sandbox, SandboxBot

logger = logging.getLogger(__name__)

LOGGED_TEXT = 4096  # characters of one parameter that the log keeps


@dataclass(slots=True)
class Answer:
    """What goes back. `broken`: nothing does, the connection is reset."""

    status: int
    body: bytes
    broken: bool = False


class Calls:
    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    async def perform(self, bot: SandboxBot, method: str, parameters: Parameters) -> Answer:
        """The whole of one call. Never raises: even our own mistakes are answered as Telegram's 500."""
        name = method.lower()
        started = time.time()
        met = self.sandbox.faults.take(bot.id, name, parameters.text("chat_id"))
        broken = ""
        call = Call(self.sandbox, bot, name, parameters)
        result: Any = None
        error: ApiError | None = None
        try:
            for fault in met:
                if fault.delay_ms:
                    await asyncio.sleep(fault.delay_ms / 1000)
                broken = broken or fault.reset
                if refusal := fault.error():
                    raise refusal
            if broken != "before":
                function = METHODS.get(name)
                if function is None:
                    raise unknown_method()
                result = await function(call)
        except ApiError as refusal:
            error = refusal
        except Exception:
            logger.exception("The method %s failed", name)
            error = ApiError(500, "Internal Server Error")
        return self._answer(call, method, started, result, error, broken)

    def _answer(
        self, call: Call, method: str, started: float, result: Any, error: ApiError | None, broken: str
    ) -> Answer:
        entry: dict[str, Any] = {
            "time": started,
            "duration_ms": round((time.time() - started) * 1000, 1),
            "method": method,
            "parameters": _logged(call.parameters),
            "ok": error is None and broken != "before",
            "status": error.code if error else 200,
        }
        if error:
            entry["description"] = error.description
            body: dict[str, Any] = error.body()
        else:
            body = {"ok": True, "result": result}
            if call.note:
                body["description"] = call.note
            if isinstance(result, dict) and "message_id" in result:
                entry["message_id"] = result["message_id"]
        if broken:
            entry["broken"] = broken
        self.sandbox.record_call(call.bot, entry)
        data = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        return Answer(error.code if error else 200, data, bool(broken))


def _logged(parameters: Parameters) -> dict[str, Any]:
    logged = {
        name: value[:LOGGED_TEXT] if isinstance(value, str) else value for name, value in parameters.values.items()
    }
    for name, upload in parameters.uploads.items():
        logged[name] = f"{upload.name} ({len(upload.data)} bytes)"
    return logged
