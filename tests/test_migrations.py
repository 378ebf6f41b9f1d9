"""Migrations go up, down and up again, and end at what the models say."""

from __future__ import annotations

import psycopg
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from chatai import migrate
from chatai.core.settings import Settings
from chatai.domains.tables import metadata

LEFT = "SELECT array_agg(relname::text) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
ROUTINES = (
    "SELECT count(*) FROM pg_proc p WHERE pronamespace = 'public'::regnamespace"
    " AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')"
)


CONNECTED = """
WITH place AS (INSERT INTO workspace (id, created_at, name) VALUES (gen_random_uuid(), now(), 'Shop') RETURNING id),
helper AS (
    INSERT INTO assistant (id, created_at, workspace_id, name, description, instructions, greeting, model, temperature,
        version)
    SELECT gen_random_uuid(), now(), id, 'Shop', '', '', '', '', 0, 1 FROM place RETURNING id, workspace_id
),
bot AS (
    INSERT INTO bot (id, created_at, workspace_id, assistant_id, telegram_id, username, name, token_encrypted,
        webhook_secret, webhook_url, mode, desired_state, state, state_reason, last_error, polling_offset)
    SELECT gen_random_uuid(), now(), workspace_id, id, 1, 'shop_bot', 'Shop', '-', '-', '', 'polling', 'stopped',
        'stopped', '', '', 0 FROM helper RETURNING id, workspace_id
)
INSERT INTO bot_business (bot_id, connection_id, workspace_id, account_id, name, can_reply, enabled)
SELECT id, 'before', workspace_id, 900, 'Olga', true, true FROM bot
"""
LATER = """
INSERT INTO bot_business (bot_id, connection_id, workspace_id, account_id, name, can_reply, enabled)
SELECT bot_id, 'after', workspace_id, 901, 'Pavel', true, true FROM bot_business
"""


def test_business_accounts_that_were_answered_for_still_are(settings: Settings, empty_database: str) -> None:
    migrate.run(settings, empty_database, "0008")
    with psycopg.connect(empty_database) as connection:
        connection.execute("SET row_security = off")
        connection.execute(CONNECTED)
    migrate.run(settings, empty_database)
    with psycopg.connect(empty_database) as connection:
        connection.execute(LATER)
        found = connection.execute("SELECT connection_id, allowed FROM bot_business").fetchall()
    assert dict(found) == {"before": True, "after": False}


TALKS = """
INSERT INTO conversation (id, created_at, workspace_id, assistant_id, channel, external_id, person_name, title,
    language, last_message_at)
SELECT gen_random_uuid(), now(), workspace_id, id, 'telegram', chat, '', '', 'en', now()
FROM assistant, unnest(ARRAY['', '', '7:1', '7:1', '7:2']) AS chat
"""


def test_of_two_conversations_under_one_name_the_latest_stays_open(settings: Settings, empty_database: str) -> None:
    migrate.run(settings, empty_database, "0010")
    with psycopg.connect(empty_database) as connection:
        connection.execute("SET row_security = off")
        connection.execute(CONNECTED)
        connection.execute(TALKS)
        twice = "SELECT id FROM conversation WHERE external_id = '7:1' ORDER BY id"
        older, _ = connection.execute(twice).fetchall()
    migrate.run(settings, empty_database)
    with psycopg.connect(empty_database) as connection:
        closed = connection.execute("SELECT id FROM conversation WHERE closed_at IS NOT NULL").fetchall()
    assert closed == [older]


def test_up_down_up_matches_the_models(settings: Settings, empty_database: str) -> None:
    migrate.run(settings, empty_database)
    migrate.down(settings, empty_database, "base")
    with psycopg.connect(empty_database) as connection:
        assert connection.execute(LEFT).fetchone() == (["alembic_version"],)
        assert connection.execute(ROUTINES).fetchone() == (0,)
    migrate.run(settings, empty_database)
    engine = create_engine(empty_database.replace("postgresql://", "postgresql+psycopg://", 1))
    with engine.connect() as connection:
        options = {
            "compare_type": True,
            "include_name": lambda name, *_: not str(name).startswith(("procrastinate_", "chunk_vector_")),
        }
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []
    engine.dispose()
