"""The language that the manager, the workers and the answer processes speak: frames of JSON over a socket.

A frame is four bytes of length (big-endian) and that many bytes of a JSON object with a `type`.

manager → worker
    start    bot (see `worker.BotConfig`)               the first frame, once
    update   update, payload, replies, last             work; replies: ids of messages already sent for it;
                                                        last: it is not tried again after this
    event    ask, event, …                              a piece of what was asked for (see `answers`)
    permitted  permit, wait, refused?, closed?          wait 0: go; else ask again after so many seconds; refused:
                                                        the update is not yours any more; closed: the chat takes
                                                        nothing from the bot
    ping     beat                                       are you alive
    stop                                                finish what you have, then leave
worker → manager
    ready
    ask      ask, update, kind, …                       wants an answer, a greeting or a new conversation
    cancel   ask                                        no longer wanted
    sent     update, messages                           Telegram took another message for it: all their ids so far
    permit   permit, update, chat, new, spare?          may I call Telegram? new: it sends a new message; chat 0: what
                                                        counts for the bot alone; spare: so many of the chat's tokens
                                                        must be left
    unsent   update                                     Telegram refused the new message that was permitted last
    throttled  seconds                                  Telegram answered 429: wait so long
    closed   chat                                       Telegram takes nothing for this chat
    dropped  update                                     given back: it was refused
    done     update, error                              settled; error: why nothing can be delivered, or ""
    failed   update, error, blame                       not settled: take it up again later; blame: it may be the
                                                        update's fault, so the tries are counted
    revoked  reason                                     Telegram refuses the token
    pong     beat
    log      level, event, fields
manager → answer process
    ask      ask, bot, workspace, assistant, kind, …
    cancel   ask
    stop
answer process → manager
    ready
    event    ask, event, …
"""

from __future__ import annotations

import asyncio
import json
import math
import socket
import struct
from collections.abc import Callable
from typing import Any

MAX_FRAME_BYTES = 4 * 1024 * 1024
MAX_PACKET_BYTES = 1024
"""The longest packet between the manager and the zygote, which have a protocol of their own (see `zygote`)."""

_LENGTH = struct.Struct(">I")
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))

Message = dict[str, Any]


class WireError(Exception):
    """The other end sent something that is no frame. The connection is of no more use."""


def encode(message: Message) -> bytes:
    """One frame. Lone surrogates, which people can send and JSON can carry, survive.

    Raises:
        WireError: The message is larger than a frame may be.
    """
    body = _ENCODER.encode(message).encode("utf-8", "surrogatepass")
    if len(body) > MAX_FRAME_BYTES:
        raise WireError(f"a frame of {len(body)} bytes is too large")
    return _LENGTH.pack(len(body)) + body


def decode(body: bytes) -> Message:
    """The message in a frame's body.

    Raises:
        WireError: The body is not a JSON object with a `type`.
    """
    try:
        message = json.loads(body.decode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError):
        raise WireError("a frame is not JSON") from None
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise WireError("a frame is not a message")
    return message


class Wire:
    """One end of a connection. Sending never waits: frames go out in the order of the calls."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._most_unread = math.inf
        self._overflow: Callable[[], None] = lambda: None
        self._overflowed = False

    @classmethod
    async def over(cls, end: socket.socket) -> Wire:
        """A wire over one end of a socket pair, which it owns from now on."""
        end.setblocking(False)
        reader, writer = await asyncio.open_unix_connection(sock=end, limit=MAX_FRAME_BYTES)
        return cls(reader, writer)

    @property
    def unread(self) -> int:
        """So many bytes wait here for the other end to read."""
        return int(self._writer.transport.get_write_buffer_size())

    def bound(self, most_unread: int, overflow: Callable[[], None]) -> None:
        """When more bytes than that wait here for the other end to read, `overflow` is called, once, and whatever is
        sent from then on is dropped: who bounds a wire ends the one who does not read."""
        self._most_unread, self._overflow = most_unread, overflow

    def send(self, message: Message) -> None:
        """Sends a message, or drops it when the other end is gone: the reader learns of that by `None`."""
        if self._writer.is_closing() or self._overflowed:
            return
        self._writer.write(encode(message))
        if self.unread > self._most_unread:
            self._overflowed = True
            self._overflow()

    async def drain(self) -> None:
        """Waits until the other end has kept up, so that a fast sender does not fill the memory."""
        try:
            await self._writer.drain()
        except ConnectionError:
            self._writer.close()

    async def receive(self) -> Message | None:
        """The next message; `None` when the other end is gone.

        Raises:
            WireError: What came is no frame.
        """
        try:
            (length,) = _LENGTH.unpack(await self._reader.readexactly(_LENGTH.size))
            if length > MAX_FRAME_BYTES:
                raise WireError(f"a frame of {length} bytes is too large")
            return decode(await self._reader.readexactly(length))
        except (asyncio.IncompleteReadError, ConnectionError):
            return None

    def cut(self) -> None:
        """Ends the connection now: what was not read yet is lost, and whoever reads gets `None`."""
        self._writer.transport.abort()

    async def close(self) -> None:
        """Closes the connection after what was sent has left."""
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except ConnectionError:
            return
