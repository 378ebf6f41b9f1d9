"""Walks the whole path of an update once in the zygote, so that what it builds is shared by all workers.

What is built on first use (pydantic models, parsers, compiled patterns, connection classes) would otherwise be built
in each worker: 8 MB and 200 ms of it. The path is the real one, from the wire to a Bot API server on loopback that
answers the few methods in use.
"""

from __future__ import annotations

import asyncio
import json
import socket
from typing import Any

from aiogram import Bot, Dispatcher
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.methods import DeleteMessage, EditMessageText, Response, SendChatAction, SendMessage, SendMessageDraft

from bots.delivery import Delivery, Place
from bots.formatting import render
from bots.job import BotConfig
from bots.reply import Reply, Streaming
from bots.wire import Wire
from bots.worker import Worker

# aiogram looks these up for each response and pydantic holds them weakly: without a reference they are rebuilt after
# each collection, 4 MB in each worker.
_METHODS: tuple[Any, ...] = (SendMessage, EditMessageText, SendMessageDraft, SendChatAction, DeleteMessage)
PINNED = [Response.__class_getitem__(method.__returning__) for method in _METHODS]

_USER = {"id": 1, "is_bot": False, "first_name": "Warm", "last_name": "Up", "username": "warm", "language_code": "en"}
_CHAT = {"id": 1, "type": "private", "first_name": "Warm", "last_name": "Up", "username": "warm"}
_ANSWER = "# Title\n\n**Bold** `code` [link](https://example.com) [1] a < b\n\n- one\n- two\n\n```py\nx\n```\n\n> quote"
_SOURCE = {"number": 1, "name": "document.pdf", "page": 1, "page_end": 2}
_CONFIG = BotConfig(
    bot="warm-up",
    token="1000000:" + "w" * 35,
    api="",
    telegram_id=1000000,
    username="warm_bot",
    language="en",
    memory_mb=0,
    incoming="",
    sees=False,
    hears_seconds=0,
)


class _OpenGate:
    """Allows everything."""

    async def permit(self, update: int, chat: int, *, new: bool = False, spare: int = 0) -> float:
        return 0

    def unsent(self, update: int) -> None: ...

    def throttled(self, seconds: float) -> None: ...

    def closed(self, chat: int) -> None: ...


async def warm_up(dispatcher: Dispatcher, session: AiohttpSession) -> None:
    """Serves two updates from beginning to end, and leaves nothing open."""
    server = await asyncio.start_server(_bot_api, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()[:2]
    session.api = TelegramAPIServer.from_base(f"http://{host}:{port}")
    near, far = socket.socketpair()
    manager, worker_wire = await Wire.over(near), await Wire.over(far)
    worker = Worker(_CONFIG, worker_wire, dispatcher, Bot(_CONFIG.token, session=session))
    serving = asyncio.create_task(worker.serve())
    for number, words in enumerate(("What is it?", "/start"), start=1):
        manager.send(
            {"type": "update", "update": number, "replies": [], "last": False, "payload": _update(number, words)}
        )
        await _answer_until_done(manager)
    await _grow(Delivery(Bot(_CONFIG.token, session=session), _OpenGate()))
    await manager.close()
    await serving
    await worker_wire.close()
    await session.close()
    server.close()
    await server.wait_closed()


async def _grow(delivery: Delivery) -> None:
    """Shows an answer as it grows, which takes too long to be walked with a question."""
    modes: tuple[Streaming, ...] = ("drafts", "edits")
    for mode in modes:
        reply = Reply(delivery, Place(1), 1, [], lambda messages: None, mode)
        for part in (_ANSWER[:7], _ANSWER):
            await reply.show_growing(render(part))
        await reply.show(render(_ANSWER + "."))
        await reply.show([])


async def _answer_until_done(manager: Wire) -> None:
    while (message := await manager.receive()) is not None:
        match message["type"]:
            case "permit":
                manager.send({"type": "permitted", "permit": message["permit"], "wait": 0})
            case "ask" if message["kind"] == "answer":
                ask = message["ask"]
                manager.send({"type": "event", "ask": ask, "event": "delta", "text": _ANSWER})
                complete = {"event": "complete", "text": _ANSWER, "sources": [_SOURCE]}
                manager.send({"type": "event", "ask": ask, **complete})
            case "ask":
                manager.send({"type": "event", "ask": message["ask"], "event": "text", "text": "Hello"})
            case "done" if not message["error"]:
                return
            case "done" | "failed" | "revoked" | "log":
                raise RuntimeError(f"the warm-up failed: {message}")


def _update(number: int, words: str) -> dict[str, object]:
    message = {"message_id": number, "date": 1, "chat": _CHAT, "from": _USER, "text": words}
    if words.startswith("/"):
        message["entities"] = [{"type": "bot_command", "offset": 0, "length": len(words)}]
    return {"update_id": number, "message": message}


async def _bot_api(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers requests of one connection as the Bot API would."""
    sent = {"message_id": 2, "date": 1, "chat": _CHAT, "from": _USER, "text": "text"}
    while request := await reader.readline():
        length = 0
        while (line := await reader.readline()).strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        await reader.readexactly(length)
        result = (
            True if request.split()[1].endswith((b"/sendChatAction", b"/sendMessageDraft", b"/deleteMessage")) else sent
        )
        body = json.dumps({"ok": True, "result": result}).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
    writer.close()
