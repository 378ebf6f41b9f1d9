"""Brings a database to the newest revision: the extension, the application's roles, then Alembic's migrations.

Everything runs as the owner of the tables and under an advisory lock, so that two starts at once do no harm. Works
the same on the embedded server and on one given by `DATABASE_URL`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from chatai.core.roles import APP_ROLE, SYSTEM_ROLE, app_password, app_url
from chatai.core.settings import Settings

if TYPE_CHECKING:
    from alembic.config import Config

ROOT = Path(__file__).resolve().parent.parent
LOCK_KEY = 0x43686174_4149  # "ChatAI"; advisory locks are numbers
MIN_SERVER_VERSION = 160000

_ADMIN_SQL = """\
    CREATE EXTENSION IF NOT EXISTS vector;
    CREATE ROLE {app} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE PASSWORD '<choose one>';
    CREATE ROLE {system} NOLOGIN;
    GRANT {system} TO {app} WITH INHERIT FALSE, SET TRUE;"""


class MigrationError(Exception):
    """The database can't be brought to the newest revision. The message says why and what to do."""


def application_url(settings: Settings, owner_url: str) -> str:
    """The address for the application: `DATABASE_APP_URL`, or the owner's with the application role in its place."""
    if settings.database_app_url:
        return libpq_url(settings.database_app_url.get_secret_value())
    return app_url(libpq_url(owner_url), settings.secret())


def libpq_url(url: str) -> str:
    """The address as PostgreSQL's own library reads it: SQLAlchemy's driver suffix removed."""
    return re.sub(r"^postgres(?:ql)?(?:\+\w+)?://", "postgresql://", url)


def run(settings: Settings, owner_url: str, revision: str = "head") -> None:
    """Makes extension and roles if need be, and upgrades to a revision.

    Raises:
        MigrationError: The server is away, too old, or the owner may not do what is needed.
    """
    with _locked(owner_url) as connection:
        _prepare(connection, settings, owner_url)
        _alembic(owner_url, lambda command, config: command.upgrade(config, revision))


def down(settings: Settings, owner_url: str, revision: str) -> None:
    """Takes migrations back, down to a revision (`base`: all of them). Roles and extension stay."""
    with _locked(owner_url) as connection:
        _prepare(connection, settings, owner_url)
        _alembic(owner_url, lambda command, config: command.downgrade(config, revision))


def head() -> str:
    """The newest revision among the migration files, read without importing them or Alembic (which takes 0.4 s)."""
    revisions, parents = set(), set()
    for path in (ROOT / "alembic" / "versions").glob("*.py"):
        text = path.read_text()
        if found := re.search(r"""^revision\b[^=\n]*=\s*["']([^"']+)["']""", text, re.MULTILINE):
            revisions.add(found[1])
        if found := re.search(r"""^down_revision\b[^=\n]*=\s*["']([^"']+)["']""", text, re.MULTILINE):
            parents.add(found[1])
    heads = revisions - parents
    if len(heads) != 1:
        raise MigrationError(f"The migrations in {ROOT / 'alembic' / 'versions'} have {len(heads)} heads, not one.")
    return heads.pop()


def current(app_url: str) -> str | None:
    """The revision that the database is at, asked as the application; None if it has none or can't be asked."""
    try:
        with psycopg.connect(app_url, connect_timeout=5) as connection:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except psycopg.Error:
        return None
    return str(row[0]) if row else None


def is_current(app_url: str) -> bool:
    """Whether the application can log in and the database is at the newest revision."""
    return current(app_url) == head()


@contextmanager
def _locked(owner_url: str) -> Iterator[psycopg.Connection]:
    try:
        connection = psycopg.connect(libpq_url(owner_url), connect_timeout=10, autocommit=True)
    except psycopg.OperationalError as error:
        raise MigrationError(f"The database at DATABASE_URL can't be reached: {str(error).strip()}") from None
    with connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [LOCK_KEY])
        try:
            yield connection
        finally:
            if not connection.closed:
                connection.execute("SELECT pg_advisory_unlock(%s)", [LOCK_KEY])


def _alembic(owner_url: str, action: Callable[..., None]) -> None:
    """Runs one Alembic command over a connection of the owner."""
    import sqlalchemy
    from alembic import command
    from alembic.config import Config
    from sqlalchemy.engine import make_url

    engine = sqlalchemy.create_engine(
        make_url(owner_url).set(drivername="postgresql+psycopg"), poolclass=sqlalchemy.NullPool
    )
    config: Config = Config(ROOT / "alembic.ini")
    try:
        with engine.connect() as connection:
            config.attributes["connection"] = connection
            action(command, config)
            connection.commit()
    finally:
        engine.dispose()


# --- extension and roles


def _prepare(connection: psycopg.Connection, settings: Settings, owner_url: str) -> None:
    if connection.info.server_version < MIN_SERVER_VERSION:
        raise MigrationError(
            f"The database server is PostgreSQL {connection.info.server_version // 10000}; ChatAI needs 16 or newer."
        )
    try:
        _extension(connection)
        _roles(connection, APP_ROLE, SYSTEM_ROLE)
        if settings.database_app_url is None:
            _password(connection, settings, owner_url, APP_ROLE)
    except psycopg.errors.InsufficientPrivilege as error:
        raise MigrationError(
            f"The owner in DATABASE_URL may not set the database up ({error.diag.message_primary}).\n"
            "Have an administrator run this in the database once, then set DATABASE_APP_URL to the same address\n"
            f"with the role {APP_ROLE} and its password, and start again:\n\n"
            + _ADMIN_SQL.format(app=APP_ROLE, system=SYSTEM_ROLE)
        ) from None


def _extension(connection: psycopg.Connection) -> None:
    if connection.execute("SELECT 1 FROM pg_extension WHERE extname = 'vector'").fetchone():
        return
    try:
        connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
    except (psycopg.errors.UndefinedFile, psycopg.errors.FeatureNotSupported):
        raise MigrationError(
            "The database server has no pgvector. Install it there (Debian: postgresql-NN-pgvector), "
            "or leave DATABASE_URL empty for the embedded server."
        ) from None


def _roles(connection: psycopg.Connection, app: str, system: str) -> None:
    """The application's role and the system's, which it may take for one transaction but does not inherit."""
    rows = connection.execute(
        "SELECT rolname, rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = ANY(%s)", [[app, system]]
    ).fetchall()
    existing: dict[str, bool] = dict(rows)
    for role, mighty in existing.items():
        if mighty:
            raise MigrationError(
                f"The database role {role} can bypass row security, which keeps tenants apart. Take that from it: "
                f"ALTER ROLE {role} NOSUPERUSER NOBYPASSRLS;"
            )
    limits = sql.SQL("NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE")
    for role, login in ((app, sql.SQL("LOGIN")), (system, sql.SQL("NOLOGIN"))):
        if role not in existing:
            connection.execute(sql.SQL("CREATE ROLE {} {} {}").format(sql.Identifier(role), login, limits))
    granted = connection.execute(
        "SELECT bool_or(set_option), bool_or(inherit_option) FROM pg_auth_members"
        " WHERE roleid = %s::regrole AND member = %s::regrole",
        [system, app],
    ).fetchone()
    if granted != (True, False):
        connection.execute(
            sql.SQL("GRANT {} TO {} WITH INHERIT FALSE, SET TRUE").format(sql.Identifier(system), sql.Identifier(app))
        )


def _password(connection: psycopg.Connection, settings: Settings, owner_url: str, role: str) -> None:
    """Gives the application's role the password derived from the secret key, unless it already has it."""
    try:
        psycopg.connect(application_url(settings, owner_url), connect_timeout=10).close()
    except psycopg.OperationalError:
        password = app_password(settings.secret())
        connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(password)))
