"""A bot's log and its figures: written in batches by the manager, read by its own people alone."""

import asyncio
from dataclasses import replace
from functools import partial
from string import Formatter

import pytest
from sqlalchemy import text

from bots import events as event_log
from bots.events import EventLog
from bots.live import Figures, LiveWriter
from bots.metrics import Metrics
from chatai.core.actor import Role
from chatai.core.clock import now
from chatai.core.database import Database
from chatai.core.ids import new_id
from chatai.domains.channels import events, live, overview
from chatai.domains.channels.errors import BotNotFound, MayNotManageBots
from chatai.domains.channels.event_texts import _SENTENCES, event_codes, event_sentence
from chatai.domains.channels.schemas import LiveFigures
from tests.waiting import eventually

TOKEN = "123456789:AAEabcdefghijklmnopqrstuvwxyz012345"


async def listed(database, actor, bot_id, **more):
    async with database.workspace(actor.workspace_id) as uow:
        return await events.list_events(uow, actor, bot_id, **more)


async def test_events_are_paged_newest_first_and_hold_no_secret(database, actor, bot_id):
    log = EventLog(database)
    for number in range(5):
        log.add(bot_id, actor.workspace_id, "info", "process_started", pid=number)
    log.add(
        bot_id, actor.workspace_id, "error", "update_set_aside", attempts=3, error=f"bot{TOKEN}\0 \ud800 " + "x" * 900
    )
    log.add(new_id(), actor.workspace_id, "info", "process_started", pid=1)  # a bot that is gone holds nothing up
    await log.flush()
    first = await listed(database, actor, bot_id, limit=2)
    assert [one.event for one in first] == ["update_set_aside", "process_started"]
    assert TOKEN not in str(first[0].detail)
    assert len(first[0].detail["error"]) <= event_log.LONGEST_DETAIL
    rest = await listed(database, actor, bot_id, before=first[-1].id)
    assert [one.detail["pid"] for one in rest] == [3, 2, 1, 0]
    assert rest[0].sentence("en") == "The bot's process 3 started."
    assert rest[0].sentence("ru") == "Процесс бота 3 запущен."


async def test_only_the_bots_own_operators_see_its_log_and_figures(database, actor, stranger, new_actor, bot_id):
    EventLog(database).add(bot_id, actor.workspace_id, "info", "process_started", pid=1)
    with pytest.raises(BotNotFound):
        await listed(database, stranger, bot_id)
    user = await new_actor(actor.workspace_id, Role.USER)
    with pytest.raises(MayNotManageBots):
        await listed(database, user, bot_id)
    async with database.system() as uow:
        await live.upsert(uow, [figures(bot_id)])
    async with database.workspace(stranger.workspace_id) as uow:
        assert await live.find(uow, bot_id) is None
        with pytest.raises(BotNotFound):
            await overview.look_at(uow, stranger, bot_id, 1)
    async with database.workspace(user.workspace_id) as uow:
        with pytest.raises(MayNotManageBots):
            await overview.look_at(uow, user, bot_id, 1)
    async with database.workspace(actor.workspace_id) as uow:
        assert (await overview.look_at(uow, actor, bot_id, 1)).live.bot_id == bot_id


async def test_events_outlive_an_absence_of_postgresql_up_to_a_bound(database, actor, bot_id, monkeypatch):
    monkeypatch.setattr(event_log, "MOST_KEPT", 30)
    away = Database("postgresql://nobody@127.0.0.1:1/nothing", 1)
    log = EventLog(away)
    for number in range(40):
        log.add(bot_id, actor.workspace_id, "info", "process_started", pid=number)
    await log.flush()
    await log.flush()
    assert log.dropped == 10
    log._database = database
    await log.flush()
    kept = await listed(database, actor, bot_id, limit=100)
    assert [one.detail["pid"] for one in kept] == list(range(39, 9, -1))
    await away.close()


async def test_a_talkative_bot_is_cut_short_but_its_errors_are_told(database, actor, bot_id):
    log = EventLog(database)
    for _ in range(500):
        log.add(bot_id, actor.workspace_id, "warning", "throttled", seconds=3)
    log.add(bot_id, actor.workspace_id, "error", "bot_quarantined", reason="bot_crashes", error="out of memory")
    await log.flush()
    told = await listed(database, actor, bot_id, limit=200)
    assert len(told) == event_log.BURST - event_log.FOR_ERRORS + 2
    assert told[0].sentence("en").startswith("The bot was set aside: The bot's process ended unexpectedly")
    assert told[0].sentence("ru").endswith("out of memory")
    left_out = 500 - (event_log.BURST - event_log.FOR_ERRORS)
    assert (told[1].event, told[1].detail) == ("events_left_out", {"number": left_out})


async def test_the_log_writes_by_itself(database, actor, bot_id, monkeypatch):
    monkeypatch.setattr(event_log, "WRITE_INTERVAL", 0.01)
    log = EventLog(database)
    task = asyncio.create_task(log.run())
    try:
        for pid in (1, 2):
            log.add(bot_id, actor.workspace_id, "info", "process_started", pid=pid)

            async def written(pid=pid):
                return [one.detail["pid"] for one in await listed(database, actor, bot_id)][:1] == [pid]

            await eventually(written)
    finally:
        task.cancel()


@pytest.mark.parametrize("code", event_codes())
def test_every_event_has_the_same_fields_in_both_languages(code):
    fields = [{field for _, field, _, _ in Formatter().parse(text) if field} for text in _SENTENCES[code]]
    assert fields[0] == fields[1]
    detail = dict.fromkeys(fields[0], "7")
    for language in ("en", "ru"):
        assert "{" not in event_sentence(code, detail, language)
        assert not event_sentence(code, {}, language).endswith((":", "{"))


def figures(bot_id, **more) -> LiveFigures:
    values = {
        "bot_id": bot_id,
        "manager_id": new_id(),
        "pid": 77,
        "memory_kb": 7000,
        "memory_peak_kb": 8000,
        "started_at": now(),
        "restarts": 1,
        "queued": 2,
        "in_work": 3,
        "answered": 2**40,
        "sent": 5,
        "sent_per_second": 0.25,
        "throttled": 1,
        "paused_until": None,
        "throttled_at": None,
        "wait_p95_ms": 120,
        "waiting_since": None,
        "last_update_at": now(),
    }
    return LiveFigures(**{**values, **more})


def among(seen):
    """The bots that run, and how to look at one: these figures are all there are."""
    return (
        lambda: [one.bot_id for one in seen],
        lambda bot_id: next((one for one in seen if one.bot_id == bot_id), None),
    )


async def test_figures_are_written_when_they_change_and_removed_when_the_bot_leaves(database, actor, bot_id):
    manager_id = new_id()
    seen = [figures(bot_id, manager_id=manager_id), figures(new_id(), manager_id=manager_id)]
    writer = LiveWriter(database, manager_id, *among(seen))

    async def stored():
        async with database.workspace(actor.workspace_id) as uow:
            return await live.find(uow, bot_id)

    await writer.write()
    first = await stored()
    assert {name: getattr(first, name) for name in ("pid", "answered", "sent_per_second", "started_at")} == {
        "pid": 77,
        "answered": 2**40,
        "sent_per_second": 0.25,
        "started_at": seen[0].started_at,
    }
    assert not first.stale
    await writer.write()
    assert (await stored()).updated_at == first.updated_at  # nothing changed, nothing is written
    seen[0] = replace(seen[0], pid=None, answered=6)
    await writer.write()
    assert (await stored()).pid is None
    seen.clear()
    await writer.write()
    assert await stored() is None


async def test_the_figures_of_a_few_bots_are_written_again_and_again(database, actor, bot_id, monkeypatch):
    monkeypatch.setattr("bots.live.WRITE_INTERVAL", 0.2)
    seen = [figures(bot_id)]
    writing = asyncio.create_task(LiveWriter(database, new_id(), *among(seen)).run())

    async def has_answered(number: int) -> bool:
        async with database.workspace(actor.workspace_id) as uow:
            found = await live.find(uow, bot_id)
        return found is not None and found.answered == number

    for number in (1, 2, 3):
        seen[0] = replace(seen[0], answered=number)
        await eventually(partial(has_answered, number), patience=5)
    writing.cancel()


async def test_what_another_manager_wrote_is_not_removed(database, actor, bot_id):
    mine, theirs = new_id(), new_id()
    seen = [figures(bot_id, manager_id=mine)]
    writer = LiveWriter(database, mine, *among(seen))
    await writer.write()
    async with database.system() as uow:
        await live.upsert(uow, [figures(bot_id, manager_id=theirs)])
    await writer.clear()
    async with database.system() as uow:
        assert [row.manager_id for row in await live.list_everywhere(uow)] == [theirs]


async def test_a_manager_that_fell_silent_is_noticed(database, actor, bot_id):
    async with database.system() as uow:
        await live.upsert(uow, [figures(bot_id)])
        await uow.session.execute(text("UPDATE bot_live SET updated_at = now() - interval '61 seconds'"))
    async with database.workspace(actor.workspace_id) as uow:
        assert (await live.find(uow, bot_id)).stale


def test_figures_of_the_last_minute():
    counted = Figures(Metrics())
    assert (counted.sent_per_second, counted.wait_p95, counted.paused_until_time) == (0.0, 0.0, None)
    for number in range(1, 101):
        counted.sent()
        counted.settled(number / 100)
    assert counted.sent_total == counted.answered == 100
    assert round(counted.sent_per_second, 3) == round(100 / 60, 3)
    assert counted.wait_p95 == 0.95
    counted.throttled(30)
    assert counted.paused_until_time is not None
    assert counted.throttled_at is not None
    assert 28 < (counted.paused_until_time - now()).total_seconds() < 31
