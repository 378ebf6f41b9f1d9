"""The road of a database to the newest revision, on servers that differ in what the owner may do."""

from __future__ import annotations

import psycopg
import pytest

from chatai import migrate
from chatai.core.roles import APP_ROLE, SYSTEM_ROLE
from chatai.core.settings import Settings
from chatai.engines import EmbeddedPostgres


def test_an_empty_database_goes_to_head_and_back_and_to_head(empty_database: str, settings: Settings) -> None:
    def tables() -> set[str]:
        with psycopg.connect(empty_database) as connection:
            rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        return {str(name) for (name,) in rows} - {"alembic_version"}

    application = migrate.application_url(Settings(database_app_url=None), empty_database)
    assert not migrate.is_current(application)
    migrate.run(settings, empty_database)
    assert migrate.is_current(application)
    first = tables()
    assert "workspace" in first
    migrate.down(settings, empty_database, "base")
    assert tables() == set()
    migrate.run(settings, empty_database)
    assert tables() == first


def test_the_application_owns_nothing_and_cannot_bypass_row_security(owner_url: str, settings: Settings) -> None:
    with psycopg.connect(owner_url) as connection:
        rows = connection.execute(
            "SELECT rolname, rolsuper, rolbypassrls, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = ANY(%s)",
            [[APP_ROLE, SYSTEM_ROLE]],
        ).fetchall()
        assert sorted(rows) == [(APP_ROLE, False, False, False, False), (SYSTEM_ROLE, False, False, False, False)]
        owned = connection.execute(
            "SELECT count(*) FROM pg_class WHERE relowner IN (%s::regrole, %s::regrole)", [APP_ROLE, SYSTEM_ROLE]
        ).fetchone()
        assert owned == (0,)
    assert settings.database_app_url
    with psycopg.connect(settings.database_app_url.get_secret_value()) as connection:
        assert connection.execute("SELECT current_user").fetchone() == (APP_ROLE,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("CREATE TABLE mine (id int)")


def test_an_owner_who_may_make_no_roles_is_told_what_an_administrator_has_to_run(
    postgres: EmbeddedPostgres, empty_database: str, settings: Settings
) -> None:
    other_secret = Settings(secret_key="another-secret-key-that-the-role-does-not-have", database_app_url=None)
    with psycopg.connect(empty_database, autocommit=True) as connection:
        connection.execute("CREATE ROLE small_owner LOGIN PASSWORD 'small'")
        try:
            small = postgres.owner_url(connection.info.dbname).partition("@")[2]
            with pytest.raises(migrate.MigrationError) as caught:
                migrate.run(other_secret, f"postgresql://small_owner:small@{small}")
        finally:
            connection.execute("DROP ROLE small_owner")
    text = str(caught.value)
    assert f"GRANT {SYSTEM_ROLE} TO {APP_ROLE} WITH INHERIT FALSE, SET TRUE" in text
    assert "DATABASE_APP_URL" in text
    assert "another-secret" not in text


def test_a_database_that_is_away_is_said_in_one_line(settings: Settings) -> None:
    with pytest.raises(migrate.MigrationError, match="DATABASE_URL can't be reached"):
        migrate.run(settings, "postgresql://nobody@127.0.0.1:1/none")


def test_the_address_is_read_with_any_driver_suffix() -> None:
    assert migrate.libpq_url("postgresql+psycopg://a@b/c") == "postgresql://a@b/c"
    assert migrate.libpq_url("postgres://a@b/c") == "postgresql://a@b/c"


def test_head_is_the_one_revision_without_a_successor() -> None:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    assert migrate.head() == ScriptDirectory.from_config(Config(migrate.ROOT / "alembic.ini")).get_current_head()
