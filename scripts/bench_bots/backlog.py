"""A bot that was away for long: as many updates as Telegram may bring at once wait for it in the inbox."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass

import psycopg
from sqlalchemy import text

from scripts.bench_bots.children import memory
from scripts.bench_bots.figures import Latency
from scripts.bench_bots.installation import Answer, Installation, Registered

QUESTION_EVERY = 100
"""Most of what waits are notices of the app that want no answer (somebody joined, a message was pinned): Telegram lets
a bot send thirty messages a second, which for a hundred thousand answers would be an hour."""
PEOPLE = 500
PATIENCE = 900.0
FIRST_UPDATE = 5_000_000

_LEFT = text("SELECT count(*) FROM bot_update WHERE bot_id = :bot AND state IN ('new', 'taken')")
_WORKSPACE = text("SELECT workspace_id FROM bot WHERE id = :bot")


@dataclass(frozen=True, slots=True)
class Drained:
    updates: int
    seconds: float
    left: int
    manager_before_mb: float
    manager_peak_mb: float
    alone: Latency
    meanwhile: Latency


async def drain(made: Installation, updates: int) -> Drained:
    """Puts the updates into the inbox of one bot, and sees what it and another one do."""
    one, other = made.bots[0], made.bots[1]
    alone = await _ask(made, other, 10.0)
    before = memory(made.manager.pid)
    await made.manager.stop()  # whoever supervises it starts it again at once
    await _seed(made, one, updates)
    began = time.monotonic()
    peak, answers = 0.0, list[Answer]()
    while (left := await _left(made, one)) and time.monotonic() - began < PATIENCE:
        answers += await _ask(made, other, 2.0)
        now = memory(made.manager.pid) if made.manager.running else None
        peak = max(peak, now.pss if now else 0.0)
    return Drained(
        updates=updates,
        seconds=time.monotonic() - began,
        left=left,
        manager_before_mb=before.pss if before else 0.0,
        manager_peak_mb=peak,
        alone=Latency.of(alone),
        meanwhile=Latency.of(answers),
    )


async def _ask(made: Installation, bot: Registered, seconds: float) -> list[Answer]:
    return await made.load(bots=[bot.number], rate=5, seconds=seconds, people=10, mark="")


async def _left(made: Installation, bot: Registered) -> int:
    async with made.database.system() as uow:
        return int((await uow.session.execute(_LEFT, {"bot": bot.id})).scalar_one())


async def _seed(made: Installation, bot: Registered, updates: int) -> None:
    people = [3_900_000_000 + number for number in range(PEOPLE)]
    wanted = [
        {
            "message": {
                "date": 1,
                "chat": {"id": person, "type": "private", "first_name": "P"},
                "from": {"id": person, "is_bot": False, "first_name": "P"},
                "text": "hello",
            }
        }
        for person in people
    ]
    # The chats must exist at the sandbox, or it refuses the answers.
    async with made.http.post(
        f"{made.sandbox_url}/sandbox/bots/{bot.number}/updates", json={"updates": wanted}
    ) as answer:
        answer.raise_for_status()
    async with made.database.system() as uow:
        workspace = (await uow.session.execute(_WORKSPACE, {"bot": bot.id})).scalar_one()
    await asyncio.to_thread(_copy, made.postgres.owner_url("chatai"), bot, workspace, people, updates)


def _copy(url: str, bot: Registered, workspace: object, people: list[int], updates: int) -> None:
    columns = (
        "bot_id, update_id, workspace_id, chat_id, payload, state, attempts, reply_message_ids, error, received_at"
    )
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        begin = f"COPY bot_update ({columns}, sends_begun, sends_repeated) FROM STDIN"
        with cursor.copy(begin) as copy:
            for number in range(updates):
                person = people[number % len(people)]
                payload = _update(FIRST_UPDATE + number, person, question=number % QUESTION_EVERY == 0)
                copy.write_row(
                    (bot.id, FIRST_UPDATE + number, workspace, person, json.dumps(payload), "new", 0, "[]", "",
                     "2026-01-01T00:00:00Z", 0, 0)
                )  # fmt: skip


def _update(number: int, person: int, *, question: bool) -> dict[str, object]:
    user = {"id": person, "is_bot": False, "first_name": "P"}
    message: dict[str, object] = {
        "message_id": number, "date": 1, "chat": {"id": person, "type": "private", "first_name": "P"}, "from": user,
    }  # fmt: skip
    message |= {"text": "/help"} if question else {"message_auto_delete_timer_changed": {"message_auto_delete_time": 9}}
    return {"update_id": number, "message": message}
