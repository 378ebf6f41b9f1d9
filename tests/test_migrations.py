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
