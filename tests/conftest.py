"""What every test may use: a real PostgreSQL and a real Valkey, a database of its own, and settings that fit.

The servers start once a run (once a worker under xdist), in memory and without fsync. The migrations run once, into a
template; a test that asks for `database` or `settings` gets a copy of it in about 20 ms.

    async def test_it(database: Database, actor: Actor) -> None:
        async with database.workspace(actor.workspace_id) as uow: ...
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import hypothesis
import psutil
import psycopg
import pytest
from psycopg import sql

from chatai import migrate
from chatai.core.actor import Actor, Role
from chatai.core.database import Database, get_database
from chatai.core.ids import new_id
from chatai.core.settings import Settings, get_settings
from chatai.engines import EmbeddedPostgres, EmbeddedValkey

if TYPE_CHECKING:
    from playwright.async_api import Browser

# Examples that fail are printed as code, so no folder keeps them; a busy machine is no failure.
hypothesis.settings.register_profile("chatai", database=None, deadline=None, print_blob=True)
hypothesis.settings.load_profile("chatai")

SECRET_KEY = "a-secret-key-that-only-the-tests-use-0123456789"
TEMPLATE = "chatai_template"
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}


@pytest.fixture(scope="session")
def engines_folder() -> Iterator[Path]:
    """A folder in memory for the run's servers. Those of runs that were killed are removed."""
    memory = Path("/dev/shm")
    home = memory if memory.is_dir() and os.access(memory, os.W_OK) else Path(tempfile.gettempdir())
    for old in home.glob("chatai-test-*"):
        if not psutil.pid_exists(int(old.name.split("-")[2])):
            shutil.rmtree(old, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"chatai-test-{os.getpid()}-", dir=home))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres(engines_folder: Path) -> Iterator[EmbeddedPostgres]:
    """The run's PostgreSQL server."""
    server = EmbeddedPostgres(
        engines_folder / "postgres",
        engines_folder / "run",
        engines_folder / "secrets",
        engines_folder / "logs" / "postgres.log",
        options=FAST,
    )
    server.start()
    yield server
    server.stop(at_once=True)


@pytest.fixture(scope="session")
def valkey(engines_folder: Path) -> Iterator[EmbeddedValkey]:
    """The run's Valkey server. Tests want `redis_url`, which is emptied for each."""
    server = EmbeddedValkey(
        engines_folder / "valkey", engines_folder / "run-valkey", engines_folder / "logs" / "valkey.log", durable=False
    )
    server.start()
    yield server
    server.stop(at_once=True)


@pytest.fixture(scope="session")
def template_database(postgres: EmbeddedPostgres) -> str:
    """The name of a database at the newest revision, to be copied."""
    _execute(postgres, sql.SQL("CREATE DATABASE {}").format(sql.Identifier(TEMPLATE)))
    settings = Settings(_env_file=None, secret_key=SECRET_KEY)
    migrate.run(settings, postgres.owner_url(TEMPLATE))
    return TEMPLATE


@pytest.fixture
def empty_database(postgres: EmbeddedPostgres) -> Iterator[str]:
    """The owner's address of a fresh database without any table: for tests of the migrations."""
    name = f"empty_{uuid4().hex}"
    _execute(postgres, sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    yield postgres.owner_url(name)
    _drop(postgres, name)


@pytest.fixture
def owner_url(postgres: EmbeddedPostgres, template_database: str) -> Iterator[str]:
    """The address of the test's own, migrated database for the owner of the tables."""
    name = f"test_{uuid4().hex}"
    statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY")
    _execute(postgres, statement.format(sql.Identifier(name), sql.Identifier(template_database)))
    yield postgres.owner_url(name)
    _drop(postgres, name)


@pytest.fixture
def redis_url(valkey: EmbeddedValkey) -> str:
    """The address of the run's Valkey, emptied for this test."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(valkey.url.removeprefix("unix://").partition("?")[0])
        connection.sendall(b"FLUSHALL\r\n")
        assert connection.recv(16).startswith(b"+OK")
    return valkey.url


@pytest.fixture
def settings(
    owner_url: str, redis_url: str, tmp_path: Path, free_port: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Settings]:
    """Settings of this test alone, which `get_settings()` returns too: its database, its folder, free ports.

    Nothing of the developer's environment or `.env` is in them. They stand in the environment, so processes that the
    test starts have them as well.
    """
    for field in Settings.model_fields:
        monkeypatch.delenv(field.upper(), raising=False)
    monkeypatch.setitem(Settings.model_config, "env_file", None)
    values = {
        "DATA_DIR": str(tmp_path / "data"),
        "SECRET_KEY": SECRET_KEY,
        "DATABASE_URL": owner_url,
        "REDIS_URL": redis_url,
        "PORT": str(free_port()),
        "BOTS_PORT": str(free_port()),
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    values["DATABASE_APP_URL"] = migrate.application_url(Settings(), owner_url)
    monkeypatch.setenv("DATABASE_APP_URL", values["DATABASE_APP_URL"])
    _forget_settings()
    yield get_settings()
    _forget_settings()


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[Database]:
    """The test's own database, as the application sees it."""
    assert settings.database_app_url
    opened = Database(settings.database_app_url.get_secret_value(), pool_size=5)
    yield opened
    await opened.close()
    if get_database.cache_info().currsize:  # what was tested opened it
        await get_database().close()


@pytest.fixture
def new_actor(database: Database) -> Callable[..., Awaitable[Actor]]:
    """Makes a person with a workspace of their own, or with a role in one that exists; returns them as an actor.

    `await new_actor()`, `await new_actor(workspace_id=other.workspace_id, role=Role.USER)`
    """
    from chatai.domains.accounts.models import Account
    from chatai.domains.workspaces.models import Workspace, WorkspaceMember

    async def make(
        workspace_id: UUID | None = None, role: Role = Role.ADMIN, installation_role: Role = Role.USER
    ) -> Actor:
        account_id = new_id()
        async with database.system() as uow:
            account = Account(
                id=account_id,
                email=f"{account_id.hex}@example.org",
                name="Alex",
                password_hash="!",  # no password fits
                role=installation_role,
            )
            uow.session.add(account)
            if workspace_id is None:
                workspace_id = new_id()
                uow.session.add(Workspace(id=workspace_id, name="Workshop"))
            await uow.session.flush()
            uow.session.add(WorkspaceMember(workspace_id=workspace_id, account_id=account_id, role=role))
        return Actor("person", workspace_id, role, installation_role, account_id)

    return make


@pytest.fixture
async def actor(new_actor: Callable[..., Awaitable[Actor]]) -> Actor:
    """The admin of a fresh workspace."""
    return await new_actor()


@pytest.fixture
async def stranger(new_actor: Callable[..., Awaitable[Actor]]) -> Actor:
    """The admin of another workspace, who must see and change nothing of `actor`'s."""
    return await new_actor()


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """A headless Chromium: the one named by `CHROMIUM` (see `scripts/with-browser`), the system's, or Playwright's."""
    from playwright.async_api import async_playwright, expect

    expect.set_options(timeout=20_000)  # a machine that is busy with other tests
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    program = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    async with async_playwright() as playwright:
        # A microphone that beeps, for pages that may use one.
        arguments = ["--disable-dev-shm-usage", "--use-fake-device-for-media-stream"] + (
            ["--no-sandbox"] if os.geteuid() == 0 else []
        )
        launched = await playwright.chromium.launch(executable_path=program, args=arguments)
        yield launched
        await launched.close()


@pytest.fixture(scope="session")
def free_port() -> Callable[[], int]:
    """Gives a port of this machine that nothing listens on, a different one each time."""
    given: set[int] = set()

    def find() -> int:
        while True:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = int(probe.getsockname()[1])
            if port not in given:
                given.add(port)
                return port

    return find


def _forget_settings() -> None:
    """What this process keeps for as long as it lives starts anew."""
    from chatai.core import rate_limits
    from chatai.core.cache import get_redis
    from chatai.domains.operations import health

    get_settings.cache_clear()
    get_redis.cache_clear()
    get_database.cache_clear()
    rate_limits.forget()
    health.forget()


def _execute(postgres: EmbeddedPostgres, statement: sql.Composed) -> None:
    with psycopg.connect(postgres.owner_url("postgres"), autocommit=True) as connection:
        connection.execute(statement)


def _drop(postgres: EmbeddedPostgres, name: str) -> None:
    """Drops a test's database together with the connections that the test left open."""
    with psycopg.connect(postgres.superuser_url(), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def pytest_configure(config: pytest.Config) -> None:
    """A run that is told to stop ends like one that was interrupted: the servers are stopped."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
