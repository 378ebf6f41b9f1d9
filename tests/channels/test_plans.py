"""The inbox's statements find their rows by keys, whatever the tables held when their plans were made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from chatai.core.roundtrip import translated
from chatai.domains.channels import inbox, states, webhooks

STATEMENTS = {name: getattr(inbox, name) for name in ("_STORE", "_MARK", "_BEGIN_SENDS", "_TAKE")}
STATEMENTS |= {"webhooks": webhooks._WRITE, "states": states._WRITE}
MANY_BOTS = """
    INSERT INTO bot SELECT (jsonb_populate_record(
        bot, jsonb_build_object('id', gen_random_uuid(), 'telegram_id', 1000000 + number))).*
    FROM bot, generate_series(1, 2000) AS number
"""
MANY_LEASES = """
    INSERT INTO bot_lease (bot_id, manager_id, fence, taken_at) SELECT id, gen_random_uuid(), 1, now() FROM bot
"""
MANY_UPDATES = """
    INSERT INTO bot_update (bot_id, update_id, workspace_id, chat_id, payload, state, attempts, reply_message_ids,
                            error)
    SELECT id, number, workspace_id, number, '{}', 'done', 1, '[]', '' FROM bot, generate_series(1, 10) AS number
"""


def scans(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The plan's nodes that read a table."""
    if "Relation Name" in node and "Scan" in node["Node Type"]:
        yield node
    for below in node.get("Plans", []):
        yield from scans(below)


@pytest.mark.parametrize("name", STATEMENTS)
async def test_a_plan_goes_by_keys(owner_url, bot_id, name):
    text, _ = translated(STATEMENTS[name])
    with psycopg.connect(owner_url, autocommit=True) as connection:
        for change in ("SELECT", MANY_BOTS, MANY_LEASES, MANY_UPDATES, "VACUUM ANALYZE"):
            connection.execute(change)
            [[[plan]]] = connection.execute(f"EXPLAIN (GENERIC_PLAN, FORMAT JSON) {text.decode()}").fetchall()
            found = list(scans(plan["Plan"]))
            assert found
            for node in found:
                assert node["Node Type"].startswith("Index"), (change, node)
                assert node["Index Name"] != "ix_bot_update_undone" or name == "_TAKE", (change, node)
                keys = {"bot": ["id"], "bot_lease": ["bot_id"]}.get(node["Relation Name"], ["bot_id", "update_id"])
                if node["Index Name"] == "ix_bot_update_undone":
                    keys = ["bot_id"]
                assert all(f"({key} = " in node.get("Index Cond", "") for key in keys), (change, node)
