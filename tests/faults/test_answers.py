"""The database goes away while an answer is written: that is no answer, and the question is asked anew."""

from __future__ import annotations

import asyncio
import socket

from bots.answers import Answerer
from bots.wire import Wire
from chatai.core.database import DatabaseAway
from chatai.core.ids import new_id
from chatai.domains.conversations import service as conversations
from chatai.domains.conversations.schemas import Failed, MessageView, Started, TextDelta


async def test_a_database_that_goes_away_in_the_middle_is_not_told_to_the_chat(database, actor, tmp_path, monkeypatch):
    message = MessageView(**dict.fromkeys(MessageView.__dataclass_fields__) | {"text": "half an", "citations": ()})

    async def broken(*_given):
        yield Started(new_id(), new_id())
        yield TextDelta("half an")
        yield Failed(DatabaseAway.code, DatabaseAway.en, DatabaseAway.ru, message)

    monkeypatch.setattr(conversations, "answer", broken)
    near, far = socket.socketpair()
    wire, theirs = await Wire.over(near), await Wire.over(far)
    serving = asyncio.create_task(Answerer(database, theirs, tmp_path).serve())
    ask = {
        "type": "ask", "ask": 1, "update": 1, "kind": "answer", "bot": str(new_id()),
        "workspace": str(actor.workspace_id), "assistant": str(new_id()), "chat": 1, "topic": None, "person": "P",
        "author": "", "language": "en", "chosen": "en", "text": "What?", "attached": [], "files": [],
    }  # fmt: skip
    wire.send(ask)
    events = []
    while not events or events[-1] in {"begun", "delta"}:
        events.append((await asyncio.wait_for(wire.receive(), 10))["event"])
    assert events[-1] == "away"  # neither complete nor failed
    await wire.close()
    await serving
    await theirs.close()
