"""Frames arrive whole, in order, and rubbish ends the connection."""

import asyncio
import socket
import struct

import pytest

from bots.wire import MAX_FRAME_BYTES, Wire, WireError, decode, encode


async def pair() -> tuple[Wire, Wire, socket.socket]:
    one, other = socket.socketpair()
    raw = other.dup()
    return await Wire.over(one), await Wire.over(other), raw


async def test_messages_arrive_whole_and_in_order():
    here, there, raw = await pair()
    sent = [{"type": "update", "n": n, "text": "жук 🎉 \ud800" * n} for n in range(200)]
    for message in sent:
        here.send(message)
    received = [await there.receive() for _ in sent]
    assert received == sent
    raw.close()
    await here.close()
    assert await there.receive() is None
    await there.close()


async def test_sending_to_one_who_left_is_not_an_error():
    here, there, raw = await pair()
    raw.close()
    await there.close()
    for _ in range(100):
        here.send({"type": "ping", "filler": "x" * 10_000})
        await here.drain()
        await asyncio.sleep(0)
    assert await here.receive() is None
    await here.close()


@pytest.mark.parametrize(
    "rubbish",
    [
        struct.pack(">I", MAX_FRAME_BYTES + 1),
        struct.pack(">I", 3) + b"{]}",
        struct.pack(">I", 2) + b"[]",
        struct.pack(">I", 2) + b"{}",
        struct.pack(">I", 60_000) + b"[" * 60_000,
    ],
)
async def test_rubbish_is_refused(rubbish):
    here, there, raw = await pair()
    raw.send(rubbish)
    with pytest.raises(WireError):
        await here.receive()
    raw.close()
    await here.close()
    await there.close()


def test_a_message_too_large_is_not_sent():
    with pytest.raises(WireError):
        encode({"type": "x", "text": "x" * MAX_FRAME_BYTES})


def test_a_frame_is_its_length_and_its_body():
    frame = encode({"type": "pong", "beat": 7})
    assert struct.unpack(">I", frame[:4])[0] == len(frame) - 4
    assert decode(frame[4:]) == {"type": "pong", "beat": 7}


async def test_what_the_other_end_never_reads_is_bounded():
    one, other = socket.socketpair()
    here, full = await Wire.over(one), []
    here.bound(1_000_000, lambda: full.append(True))
    for _ in range(1000):
        here.send({"type": "event", "text": "x" * 10_000})
    assert full == [True]
    assert here.unread < 1_100_000
    here.cut()
    other.close()
