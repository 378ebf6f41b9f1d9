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
from collections import deque
from collections.abc import Callable
from typing import Any, cast

MAX_FRAME_BYTES = 4 * 1024 * 1024
READ_BYTES = 16 * 1024
_FRAME_COSTS = 64
"""Bytes that a frame takes besides its body while it waits for its reader."""
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
        WireError: The message is larger than a frame may be, or nested too deeply to be written.
    """
    try:
        body = _ENCODER.encode(message).encode("utf-8", "surrogatepass")
    except (ValueError, RecursionError):
        raise WireError("a message cannot be written as JSON") from None
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


class Wire(asyncio.BufferedProtocol):
    """One end of a connection. Sending never waits: frames go out in the order of the calls.

    Not a `StreamReader` with its writer: a worker takes in four frames an answer, each of which would cost it a buffer
    of 256 kB, got from the system and given back, and a way through two more futures.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport = cast(asyncio.Transport, None)  # until `over` returns
        self._buffer = bytearray(READ_BYTES)
        self._view = memoryview(self._buffer)
        self._partial = bytearray()
        """What came of a frame that is not here whole."""
        self._frames: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._reader: asyncio.Future[None] | None = None
        self._trouble: WireError | None = None
        self._ended = False
        self._leaving: list[bytes] = []
        """What was sent since the loop had its last turn: it goes out in one piece, and wakes the other end once."""
        self._leaving_bytes = 0
        self._kept_up = asyncio.Event()
        self._kept_up.set()
        self._closed = asyncio.Event()
        self._longest_frame = MAX_FRAME_BYTES
        self._most_unread = math.inf
        self._overflow: Callable[[], None] = lambda: None
        self._overflowed = False

    @classmethod
    async def over(cls, end: socket.socket) -> Wire:
        """A wire over one end of a socket pair, which it owns from now on."""
        end.setblocking(False)
        _, wire = await asyncio.get_running_loop().create_unix_connection(cls, sock=end)
        return wire

    @property
    def unread(self) -> int:
        """So many bytes wait here for the other end to read."""
        return self._leaving_bytes + self._transport.get_write_buffer_size()

    def bound(self, most_unread: int, overflow: Callable[[], None], longest_frame: int = MAX_FRAME_BYTES) -> None:
        """When more bytes than that wait here for the other end to read, `overflow` is called, once, and whatever is
        sent from then on is dropped: who bounds a wire ends the one who does not read. The other end's frames have at
        most `longest_frame` bytes."""
        self._most_unread, self._overflow, self._longest_frame = most_unread, overflow, longest_frame

    def send(self, message: Message) -> None:
        """Sends a message, or drops it when the other end is gone: the reader learns of that by `None`."""
        if self._ended or self._overflowed or self._transport.is_closing():
            return
        frame = encode(message)
        if not self._leaving:
            self._loop.call_soon(self.flush)
        self._leaving.append(frame)
        self._leaving_bytes += len(frame)
        if self.unread > self._most_unread:
            self._overflowed = True
            self._overflow()

    def flush(self) -> None:
        """Has what was sent leave now, not at the loop's next turn."""
        if self._leaving and not self._transport.is_closing():
            self._transport.write(b"".join(self._leaving))
        self._leaving.clear()
        self._leaving_bytes = 0

    async def drain(self) -> None:
        """Waits until the other end has kept up, so that a fast sender does not fill the memory."""
        self.flush()
        if not self._kept_up.is_set():
            await self._kept_up.wait()

    async def receive(self) -> Message | None:
        """The next message; `None` when the other end is gone. For one reader at a time.

        Raises:
            WireError: What came is no frame.
        """
        while not self._frames:
            if self._trouble is not None:
                raise self._trouble
            if self._ended:
                return None
            self._reader = self._loop.create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        body = self._frames.popleft()
        was_full, self._waiting_bytes = self._is_full, self._waiting_bytes - len(body) - _FRAME_COSTS
        if was_full and not self._is_full and self._trouble is None and not self._transport.is_closing():
            self._transport.resume_reading()
        return decode(body)

    def cut(self) -> None:
        """Ends the connection now: whoever reads gets what is here already, and then `None`."""
        self._transport.abort()
        self._end()

    async def close(self) -> None:
        """Closes the connection after what was sent has left."""
        self.flush()
        self._transport.close()
        await self._closed.wait()

    # What the loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def get_buffer(self, sizehint: int) -> bytearray:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        came = self._view[:nbytes]
        if self._partial:
            self._partial += came
            read = self._take_frames(self._partial)
            del self._partial[:read]
        else:
            read = self._take_frames(came)
            self._partial += came[read:]
        if self._trouble is not None or self._is_full:
            self._transport.pause_reading()
        if self._frames or self._trouble is not None:
            self._wake()

    def eof_received(self) -> None:
        self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        self._overflow = lambda: None  # whoever it told may hold this wire: that circle would keep both in memory
        self._end()
        self._closed.set()

    def pause_writing(self) -> None:
        self._kept_up.clear()

    def resume_writing(self) -> None:
        self._kept_up.set()

    def _take_frames(self, came: bytearray | memoryview) -> int:
        """Takes the whole frames out of what came; how many bytes they were."""
        place = 0
        while len(came) >= (begin := place + _LENGTH.size):
            (length,) = _LENGTH.unpack_from(came, place)
            if length > self._longest_frame:
                self._trouble = WireError(f"a frame of {length} bytes is too large")
                break
            if len(came) < begin + length:
                break
            place = begin + length
            self._frames.append(bytes(came[begin:place]))
            self._waiting_bytes += length + _FRAME_COSTS
        return place

    @property
    def _is_full(self) -> bool:
        """Whether so much waits for the reader here that the other end had better wait."""
        return self._waiting_bytes > MAX_FRAME_BYTES

    def _end(self) -> None:
        self._ended = True
        self._kept_up.set()
        self._wake()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)
