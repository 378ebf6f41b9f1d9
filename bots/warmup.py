"""Walks the whole path of updates in the zygote, so that what is built and specialised by it is shared by all workers.

What is built on first use (pydantic models, parsers, compiled patterns) would otherwise be built in each worker: 8 MB
and 200 ms of it. And the interpreter rewrites code that has run some times: that must have happened before the fork.
The path is the real one, from the wire to a Bot API server on loopback that answers the methods in use.

Who adds a handler or a method adds an example of what calls it to `EXAMPLES`.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shutil
import socket
import sys
import tempfile
from dataclasses import asdict, replace
from typing import Any

from aiogram import Bot
from aiogram.client.telegram import TelegramAPIServer
from aiogram.methods import (
    AnswerCallbackQuery,
    DeleteMessage,
    EditMessageText,
    GetChatMember,
    GetFile,
    Response,
    SendChatAction,
    SendMessage,
    SendMessageDraft,
)
from aiogram.types import Message as TelegramMessage

from bots.delivery import Delivery, Place
from bots.formatting import render
from bots.job import BotConfig
from bots.reply import Reply, Streaming
from bots.session import Session
from bots.wire import Message, Wire, encode
from bots.worker import Worker, live
from chatai.core.patience import within

log = logging.getLogger(__name__)

# aiogram looks these up for each response and pydantic holds them weakly: without a reference they are rebuilt after
# each collection, 4 MB in each worker.
_METHODS: tuple[Any, ...] = (
    SendMessage,
    EditMessageText,
    SendMessageDraft,
    SendChatAction,
    DeleteMessage,
    AnswerCallbackQuery,
    GetChatMember,
    GetFile,
)
TelegramMessage.model_rebuild()  # whatever holds messages then takes this one instead of building its own
PINNED = [Response.__class_getitem__(method.__returning__) for method in _METHODS]

ROUNDS = 4 if sys.version_info >= (3, 12) else 9
"""So often is everything walked: the interpreter specialises code after two runs, before 3.12 after eight."""
_SLOW_ROUNDS = 1
"""Rounds whose answers grow before the person's eyes."""
_GROWING_SECONDS = 0.015
_PATIENCE_SECONDS = 15.0
"""For one round."""
_BIRTH_MB = 150

_USER = {"id": 1, "is_bot": False, "first_name": "Warm", "last_name": "Up", "username": "warm", "language_code": "en"}
_BOT = {"id": 1000000, "is_bot": True, "first_name": "Warm", "username": "warm_bot"}
_PRIVATE = {"id": 1, "type": "private", "first_name": "Warm", "last_name": "Up", "username": "warm"}
_GROUP = {"id": -1, "type": "supergroup", "title": "Warm", "is_forum": True}
_FILE = {"file_id": "f", "file_unique_id": "u", "file_size": 1, "width": 1, "height": 1}


def _said(chat: dict[str, Any] = _PRIVATE, **content: Any) -> dict[str, Any]:
    text = content.get("text", "")
    if text.startswith("/"):
        content["entities"] = [{"type": "bot_command", "offset": 0, "length": len(text)}]
    return {"message_id": 1, "date": 1, "chat": chat, "from": _USER, **content}


EXAMPLES: list[dict[str, Any]] = [
    {"message": _said(text="What is it?")},
    {"message": _said(text="Сколько это стоит? 🎉")},
    {"message": _said(text="/start")},
    {"message": _said(text="/help")},
    {"message": _said(text="/new")},
    {"message": _said(text="Long, please")},
    {"message": _said(_GROUP, text="@warm_bot what is it?", message_thread_id=7, is_topic_message=True)},
    {"message": _said(_GROUP, text="not for the bot")},
    {"message": _said(photo=[_FILE])},
    {"message": _said(document={**_FILE, "file_name": "a.txt"}, caption="What is in it?")},
    {"edited_message": _said(text="What was it?", edit_date=2)},
    {"callback_query": {"id": "1", "from": _USER, "chat_instance": "1", "data": "language:en", "message": _said()}},
    {
        "callback_query": {
            "id": "2",
            "from": _USER,
            "chat_instance": "1",
            "data": f"source:{'0' * 32}:1",
            "message": _said(),
        }
    },
    {
        "my_chat_member": {
            "chat": _PRIVATE,
            "from": _USER,
            "date": 1,
            "old_chat_member": {"status": "kicked", "user": _BOT, "until_date": 0},
            "new_chat_member": {"status": "member", "user": _BOT},
        }
    },
]
"""Updates as Telegram sends them, without their numbers."""

_SHORT = "# Title\n\n**Bold** `code` [link](https://example.com) [1] a < b\n\n- one\n- two\n\n```py\nx\n```\n\n> quote"
_TABLE = "\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n1. one\n2. *two* ~~three~~ ||four||\n\n"
_LONG = _SHORT + _TABLE + "Предложение за предложением, и каждое говорит о чём-то. " * 90
_ANSWERED_BY_TRUE = (b"/sendChatAction", b"/sendMessageDraft", b"/deleteMessage", b"/answerCallbackQuery")
_SOURCE = {"number": 1, "name": "document.pdf", "page": 1, "page_end": 2}
_CONFIG = BotConfig(
    bot="warm-up",
    token="1000000:" + "w" * 35,
    api="",
    telegram_id=1000000,
    username="warm_bot",
    language="en",
    memory_mb=0,
    incoming=tempfile.gettempdir() + f"/chatai-warm-up-{os.getpid()}",
    sees=False,
    hears_seconds=0,
    look_seconds=_GROWING_SECONDS / 3,
)


class _OpenGate:
    """Allows everything."""

    async def permit(self, update: int, chat: int, *, new: bool = False, spare: int = 0) -> float:
        return 0

    def unsent(self, update: int) -> None: ...

    def throttled(self, seconds: float) -> None: ...

    def closed(self, chat: int) -> None: ...


def warm_up(session: Session, rounds: int = ROUNDS) -> list[str]:
    """Serves all examples again and again, each round in a loop of its own as a worker does; what went wrong.

    Nothing is left open. An example that fails is no reason not to serve: workers build then what is missing.
    """
    faults: list[str] = []
    for number in range(rounds):
        faults += asyncio.run(_round(session, slow=number < _SLOW_ROUNDS))
    shutil.rmtree(_CONFIG.incoming, ignore_errors=True)
    for fault in sorted(set(faults)):
        log.warning("the warm-up is not complete: %s", fault)
    return faults


def be_born(session: Session) -> None:
    """Walks what a bot's process does from its fork until it is ready. Not in the zygote: it restricts its process."""
    near, far = socket.socketpair()
    with near:
        config = replace(_CONFIG, api="http://127.0.0.1:9", memory_mb=_BIRTH_MB)
        near.sendall(encode({"type": "start", "bot": asdict(config)}))
        near.shutdown(socket.SHUT_WR)  # nothing follows, so it leaves
        live(far, os.getppid(), session)


async def _round(session: Session, *, slow: bool) -> list[str]:
    api = LoopbackBotApi()
    server = await asyncio.start_server(api.serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()[:2]
    session.api = TelegramAPIServer.from_base(f"http://{host}:{port}")
    near, far = socket.socketpair()
    manager, worker_wire = await Wire.over(near), await Wire.over(far)
    worker = Worker(_CONFIG, worker_wire, Bot(_CONFIG.token, session=session))
    serving = asyncio.create_task(worker.serve())
    faults: list[str] = []
    for number, example in enumerate(EXAMPLES, start=1):
        # Each in a chat of its own, so that no limit holds one back.
        payload = {"update_id": number, **_in_chat(example, number)}
        manager.send({"type": "update", "update": number, "replies": [], "last": False, "payload": payload})
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            await _attend(manager, slow=slow, faults=faults)
    except TimeoutError:
        faults.append("an example takes too long")
    await _grow(Delivery(Bot(_CONFIG.token, session=session), _OpenGate(), quiet_seconds=0))
    await manager.close()
    await serving
    await worker_wire.close()
    await session.close()
    server.close()
    await server.wait_closed()
    await api.hang_up()
    return faults


async def _grow(delivery: Delivery) -> None:
    """Shows an answer as it grows, which takes too long to be walked with each question."""
    modes: tuple[Streaming, ...] = ("drafts", "edits")
    for mode in modes:
        reply = Reply(delivery, Place(1), 1, [], lambda messages: None, mode)
        for part in (_SHORT[:7], _SHORT):
            await reply.show_growing(render(part))
        await reply.show(render(_SHORT + "."))
        await reply.show([])
    async with delivery.typing(Place(1)):
        for _ in range(3):  # turns of the loop: the timer, the task's first step, and one to spare
            await asyncio.sleep(0)


def _in_chat(content: dict[str, Any], number: int) -> dict[str, Any]:
    """The same, with this number for the chat."""
    return {
        key: {**value, "id": number if value["id"] > 0 else -number}
        if key == "chat"
        else _in_chat(value, number)
        if isinstance(value, dict)
        else value
        for key, value in content.items()
    }


async def _attend(manager: Wire, *, slow: bool, faults: list[str]) -> None:
    """Is the manager to the worker until all examples are done."""
    loop = asyncio.get_running_loop()
    left = set(range(1, len(EXAMPLES) + 1))
    manager.send({"type": "ping", "beat": 1})
    while left and (message := await manager.receive()) is not None:
        match message["type"]:
            case "ask" if message["kind"] == "answer":
                text = _LONG if message["update"] == 6 else _SHORT
                event = {"type": "event", "ask": message["ask"]}
                manager.send({**event, "event": "delta", "text": text[:40]})
                complete: Message = {**event, "event": "complete", "text": text, "sources": [_SOURCE]}
                complete["answer"] = "0" * 32
                if slow:
                    loop.call_later(_GROWING_SECONDS, manager.send, complete)
                else:
                    manager.send(complete)
            case "ask":
                event = {"type": "event", "ask": message["ask"], "event": "text"}
                passage = {**_SOURCE, "address": "https://example.com/documents/1"}
                manager.send({**event, **passage, "text": "Hello", "language": "en", "updates": []})
            case "permit":
                manager.send({"type": "permitted", "permit": message["permit"], "wait": 0})
            case "done" | "failed" as end:
                left.discard(message["update"])
                if message["error"]:
                    faults.append(f"{end}: {message['error']}")
            case "log":
                faults.append(f"{message['event']} {message['fields']}")


class LoopbackBotApi:
    """Answers requests as the Bot API would."""

    def __init__(self) -> None:
        self._open = 0
        self._closed = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        try:
            await self._answer(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()
            self._open -= 1
            self._closed.set()

    async def hang_up(self) -> None:
        """Until every connection is closed, which its other end does."""
        while self._open:
            self._closed.clear()
            await within(_PATIENCE_SECONDS, self._closed.wait())

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sent = {"message_id": 2, "date": 1, "chat": _PRIVATE, "from": _USER, "text": "text"}
        sent["entities"] = [{"type": "bold", "offset": 0, "length": 1}]
        while request := await reader.readline():
            length = 0
            while (line := await reader.readline()).strip():
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            await reader.readexactly(length)
            simple = any(method in request for method in _ANSWERED_BY_TRUE)
            body = json.dumps({"ok": True, "result": True if simple else sent}).encode()
            status = "200 OK"
            if b"/getFile" in request:
                body = json.dumps({"ok": True, "result": {**_FILE, "file_path": "documents/a.txt"}}).encode()
            elif b"/file/" in request:
                body = b"words"
            if b"/editMessageText" in request and sent["message_id"] == 2:
                status = "400 Bad Request"
                description = "Bad Request: message is not modified"
                body = json.dumps({"ok": False, "error_code": 400, "description": description}).encode()
                sent["message_id"] = 3
            writer.write(f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n".encode())
            writer.write(f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
            await writer.drain()
