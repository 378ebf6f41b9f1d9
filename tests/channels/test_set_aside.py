"""Messages that failed too often: people see them, have them tried again, or dismiss them."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from chatai.core.actor import Role
from chatai.domains.channels import set_aside
from chatai.domains.channels.errors import BotNotFound, MayNotManageBots

UPDATES = text("""
INSERT INTO bot_update (bot_id, update_id, workspace_id, chat_id, payload, state, attempts, reply_message_ids, error,
                        received_at, done_at, sends_begun, sends_repeated)
SELECT :bot, n, :workspace, 7, '{}', CASE WHEN n > 3 THEN 'done' ELSE 'set_aside' END, 5, '[]', 'refused', now(),
       now(), 0, 0
FROM generate_series(1, 4) AS n
""")


@pytest.fixture
async def bot(database, actor, bot_id):
    async with database.system() as uow:
        await uow.session.execute(UPDATES, {"bot": bot_id, "workspace": actor.workspace_id})
    return bot_id


async def states(database, bot):
    async with database.system() as uow:
        rows = await uow.session.execute(
            text("SELECT update_id, state, attempts FROM bot_update WHERE bot_id = :bot ORDER BY 1"), {"bot": bot}
        )
        return {row.update_id: (row.state, row.attempts) for row in rows}


async def test_they_are_listed_retried_and_dismissed(database, actor, bot):
    async with database.workspace(actor.workspace_id) as uow:
        listed, number = await set_aside.list_set_aside(uow, actor, bot)
        assert ([one.update_id for one in listed], number) == ([3, 2, 1], 3)
        assert (listed[0].error, listed[0].attempts) == ("refused", 5)
        assert await set_aside.retry(uow, actor, bot, [2, 4]) == 1  # the other one is done
    assert await states(database, bot) == {1: ("set_aside", 5), 2: ("new", 0), 3: ("set_aside", 5), 4: ("done", 5)}
    async with database.workspace(actor.workspace_id) as uow:
        assert await set_aside.dismiss(uow, actor, bot) == 2
        assert (await set_aside.list_set_aside(uow, actor, bot))[1] == 0
    assert {number: state for number, (state, _) in (await states(database, bot)).items()} == {
        1: "failed", 2: "new", 3: "failed", 4: "done",
    }  # fmt: skip


async def test_only_people_who_may_run_bots_touch_them(database, actor, stranger, new_actor, bot):
    user = await new_actor(workspace_id=actor.workspace_id, role=Role.USER)
    for who, refusal in ((user, MayNotManageBots), (stranger, BotNotFound)):
        for action in (set_aside.list_set_aside, set_aside.retry, set_aside.dismiss):
            with pytest.raises(refusal):
                async with database.workspace(who.workspace_id) as uow:
                    await action(uow, who, bot)
    assert (await states(database, bot))[1] == ("set_aside", 5)
