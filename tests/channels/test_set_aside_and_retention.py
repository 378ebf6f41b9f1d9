"""Poisonous messages are seen and can be tried again; what is settled leaves after its days."""

import pytest
from sqlalchemy import text

from chatai.core.actor import Role
from chatai.domains.channels import inbox, retention, set_aside
from chatai.domains.channels.errors import BotNotFound, MayNotManageBots
from chatai.domains.channels.retention import Retention, clean_up
from chatai.domains.channels.schemas import IncomingUpdate, UpdateMark
from tests.channels.conftest import take


async def fill(database, bot_id, states: dict[int, str]) -> None:
    """Updates in these states."""
    async with database.system() as uow:
        await inbox.store(
            uow,
            [
                IncomingUpdate(bot_id, number, 5, {"update_id": number, "message": {"text": f"вопрос {number}"}}, True)
                for number in states
            ],
        )
        marks = [
            UpdateMark(bot_id, number, state, 5, (), "it breaks") for number, state in states.items() if state != "new"
        ]
        await inbox.mark(uow, marks)


async def states(database) -> dict[int, str]:
    async with database.system() as uow:
        rows = await uow.session.execute(text("SELECT update_id, state FROM bot_update ORDER BY update_id"))
        return {row.update_id: row.state for row in rows}


async def test_what_was_set_aside_is_listed_tried_again_and_dismissed(database, actor, bot_id):
    await fill(database, bot_id, {1: "set_aside", 2: "done", 3: "set_aside", 4: "set_aside", 5: "failed"})
    async with database.workspace(actor.workspace_id) as uow:
        listed, number = await set_aside.list_set_aside(uow, actor, bot_id)
        assert [(one.update_id, one.error, one.attempts) for one in listed] == [
            (4, "it breaks", 5),
            (3, "it breaks", 5),
            (1, "it breaks", 5),
        ]
        assert number == 3
        assert await set_aside.retry(uow, actor, bot_id, [2, 3, 77]) == 1
        assert await set_aside.dismiss(uow, actor, bot_id) == 2
    assert await states(database) == {1: "failed", 2: "done", 3: "new", 4: "failed", 5: "failed"}
    async with database.system() as uow:
        (again,) = await take(uow, bot_id, 0, most=10)
        assert (again.update_id, again.attempts) == (3, 1)


async def test_only_the_bots_own_operators_may(database, actor, stranger, new_actor, bot_id):
    await fill(database, bot_id, {1: "set_aside"})
    user = await new_actor(actor.workspace_id, Role.USER)
    for who, error in ((stranger, BotNotFound), (user, MayNotManageBots)):
        for call in (set_aside.list_set_aside, set_aside.retry, set_aside.dismiss):
            async with database.workspace(who.workspace_id) as uow:
                with pytest.raises(error):
                    await call(uow, who, bot_id)
    assert await states(database) == {1: "set_aside"}


async def test_old_rows_leave_by_their_kind_and_undone_ones_stay(database, actor, bot_id, monkeypatch):
    monkeypatch.setattr(retention, "AT_ONCE", 2)
    kinds = ["done", "failed", "set_aside", "new"]
    await fill(database, bot_id, {number: kinds[number % 4] for number in range(40)})
    async with database.system() as uow:
        await uow.session.execute(
            text("UPDATE bot_update SET received_at = now() - make_interval(days => update_id::int)")
        )
        await uow.session.execute(
            text(
                "INSERT INTO bot_event (id, created_at, workspace_id, bot_id, level, event, detail)"
                " SELECT gen_random_uuid(), now() - make_interval(days => n), :workspace, :bot, 'info', 'x', '{}'"
                " FROM generate_series(0, 9) AS n"
            ),
            {"workspace": actor.workspace_id, "bot": bot_id},
        )
    removed = await clean_up(database, Retention(updates=7, set_aside=30, events=4))
    left = await states(database)
    assert {number for number, state in left.items() if state in {"done", "failed"}} == {0, 1, 4, 5}
    assert {number for number, state in left.items() if state == "set_aside"} == set(range(2, 30, 4))
    assert len([state for state in left.values() if state in {"new", "taken"}]) == 10
    assert removed == {"updates": 16, "set_aside": 3, "events": 6}
    assert await clean_up(database, Retention(7, 30, 4)) == {"updates": 0, "set_aside": 0, "events": 0}
