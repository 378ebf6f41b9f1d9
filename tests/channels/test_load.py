"""`/metrics/telegram-rate-limit`: what is known of each bot, and what is not."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from chatai.core.clock import now
from chatai.core.ids import new_id
from chatai.domains.channels import live, load
from tests.channels.test_events_and_live import figures

SILENT = text("UPDATE bot_live SET updated_at = now() - interval '61 seconds' WHERE bot_id = :bot")


@pytest.fixture
def told(database, settings):
    """The report while these are the figures; those of `silent` are a minute old."""

    async def tell(*rows, silent=()):
        async with database.system() as uow:
            await live.upsert(uow, rows)
            for bot in silent:
                await uow.session.execute(SILENT, {"bot": bot})
            return await load.report(uow, settings)

    return tell


def ago(seconds: float | None):
    """So many seconds ago, if any."""
    return None if seconds is None else now() - timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("throttled", "paused", "more", "respected"),
    [
        (None, None, {}, True),
        (3, None, {}, False),  # the pause is long over
        (3600, None, {}, True),
        (3600, -60, {}, False),
        (None, None, {"sent_per_second": 10_000.0}, False),
        (3, None, {"pid": None, "queued": 0, "in_work": 0}, False),  # asleep since
    ],
)
async def test_limits_count_as_respected_a_minute_after_telegram_held_the_bot_back(
    told, bot_id, throttled, paused, more, respected
):
    found = await told(figures(bot_id, throttled_at=ago(throttled), paused_until=ago(paused), **more))
    assert [one["limits_respected"] for one in found["bots"]] == [respected]
    assert found["limits_respected"] is respected


async def test_of_a_bot_whose_manager_fell_silent_nobody_knows_whether_it_keeps_the_limits(
    told, actor, new_bot, bot_id
):
    for last in (None, 3):
        found = await told(figures(bot_id, throttled_at=ago(last)), silent=[bot_id])
        assert [(one["state"], one["limits_respected"]) for one in found["bots"]] == [("unknown", None)]
        assert found["limits_respected"] is None
    other = await new_bot(actor)
    assert (await told(figures(other)))["limits_respected"] is True
    assert (await told(figures(other, throttled_at=ago(1))))["limits_respected"] is False


async def test_one_without_a_process_is_silent_too_while_updates_wait(told, bot_id):
    row = figures(bot_id, pid=None, queued=1, in_work=0, waiting_since=ago(100))
    (ours,) = (await told(row, silent=[bot_id]))["bots"]
    assert (ours["state"], ours["limits_respected"]) == ("unknown", None)
    assert ours["oldest_update_ms"] >= 100_000


async def test_what_a_killed_manager_left_of_a_bot_that_was_stopped_since_counts_no_more(told, database, bot_id):
    row = figures(bot_id, waiting_since=ago(100))
    assert (await told(row, silent=[bot_id]))["queue"]["oldest_update_ms"] >= 100_000
    async with database.system() as uow:
        await uow.session.execute(text("UPDATE bot SET desired_state = 'stopped'"))
    found = await told(row)  # it is being stopped: its manager still says how it is
    assert [one["state"] for one in found["bots"]] == ["live"]
    found = await told(row, silent=[bot_id])
    assert (found["bots"], found["queue"]["oldest_update_ms"], found["limits_respected"]) == ([], 0, True)


async def test_a_delay_is_no_shorter_than_the_oldest_update_waits(told, bot_id):
    found = await told(figures(bot_id, wait_p95_ms=120, waiting_since=ago(90)))
    for one in (found["bots"][0], found["queue"]):
        assert 90_000 <= one["oldest_update_ms"] == one["delay_p95_ms"] < 100_000
    found = await told(figures(bot_id, wait_p95_ms=120))
    for one in (found["bots"][0], found["queue"]):
        assert (one["oldest_update_ms"], one["delay_p95_ms"]) == (0, 120)


async def test_bots_in_trouble_stand_there_without_figures(told, database, actor, new_bot):
    change = text("UPDATE bot SET state = :state, state_reason = :reason, desired_state = :desired WHERE id = :bot")
    store = text(
        "INSERT INTO bot_update (bot_id, update_id, workspace_id, chat_id, payload, state, attempts, reply_message_ids,"
        " error) VALUES (:bot, 1, :workspace, 1, '{}', 'new', 0, '[]', '')"
    )
    bots = {}
    async with database.system() as uow:
        for state, desired in [
            ("quarantined", "running"), ("revoked", "running"), ("failed", "running"), ("conflict", "running"),
            ("sleeping", "running"), ("stopped", "stopped"), ("failed", "stopped"),
        ]:  # fmt: skip
            bot = await new_bot(actor)
            values = {"bot": bot, "state": state, "reason": f"why_{state}", "desired": desired}
            await uow.session.execute(change, values)
            bots.setdefault(state, bot)
        await uow.session.execute(store, {"bot": bots["quarantined"], "workspace": actor.workspace_id})
    found = await told(figures(new_id()))
    assert found["states"] == {
        "quarantined": 1, "revoked": 1, "failed": 1, "conflict": 1, "sleeping": 1, "stopped": 2,
    }  # fmt: skip
    assert {one["bot_id"]: (one["state"], one["reason"], one["undone_updates"]) for one in found["trouble"]} == {
        str(bots[state]): (state, f"why_{state}", int(state == "quarantined"))
        for state in ("quarantined", "revoked", "failed", "conflict")
    }
