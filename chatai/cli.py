"""The command line: `chatai up` and the single processes and tools.

Each command imports what it needs when it runs, so that `chatai --help` and a wrong setting answer at once.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn, TypeVar

import typer

from chatai.core.first_process import go_beneath
from chatai.core.settings import Settings, SettingsError, load_settings

if TYPE_CHECKING:
    from chatai.core.database import Database

T = TypeVar("T")
SETTINGS_WRONG = 2

app = typer.Typer(
    help="ChatAI turns a business's documents into AI assistants, on its own machine.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def main() -> None:
    """Entry point. What a person can mend is said in plain lines; wrong settings exit with 2."""
    go_beneath()
    try:
        app()
    except SettingsError as error:
        print(f"Wrong settings (environment or .env):\n{error}", file=sys.stderr)
        sys.exit(SETTINGS_WRONG)


@app.command()
def up() -> None:
    """Start everything: database, Redis, pages, bots and jobs. Ctrl-C stops it."""
    settings = load_settings()
    from chatai.launcher import up as run

    raise typer.Exit(run(settings))


@app.command()
def web() -> None:
    """Run the web process (pages and API). Needs DATABASE_URL."""
    settings = _with_database(load_settings())
    from chatai.frontend import FrontendError, ensure_built
    from chatai.launcher.web import web_command

    try:
        built = ensure_built(settings, lambda line: print(line, file=sys.stderr))
    except FrontendError as error:
        _fail(str(error))
    command = web_command(settings, redis=settings.redis_url is not None)
    os.execve(command[0], command, {**os.environ, **built.environment()})  # noqa: S606 - our own command, no shell


@app.command()
def bots(
    renew: Annotated[
        bool, typer.Option("--renew", help="Have the running bot manager take new code, without stopping a bot.")
    ] = False,
) -> None:
    """Run the bot manager. Needs DATABASE_URL."""
    if renew:
        _renew_bots(load_settings())
        return
    _with_database(load_settings())
    from bots import uncollected  # noqa: F401 - before all that takes long to import
    from bots.start import main as run

    run()


def _renew_bots(settings: Settings) -> None:
    from bots.renewal import NotRunning, ask_to_renew
    from bots.start import pid_file

    try:
        pid = ask_to_renew(pid_file(settings))
    except NotRunning:
        sys.exit(f"No bot manager runs on {settings.data_dir}.")
    typer.echo(f"Bot manager {pid} replaces the bots' processes one after another.")


@app.command()
def jobs() -> None:
    """Run the background jobs. Needs DATABASE_URL."""
    _with_database(load_settings())
    from chatai.jobs.worker import main as run

    run()


@app.command()
def sandbox() -> None:
    """Run a local Telegram Bot API server with a chat page, to try bots without Telegram."""
    load_settings()
    from bots.sandbox import main as run

    run()


@app.command()
def migrate(
    down: Annotated[str | None, typer.Option(help="Take migrations back, down to this revision (or `base`).")] = None,
) -> None:
    """Bring the database to the newest revision: extension, roles, tables."""
    settings = load_settings()
    from chatai import migrate as migration
    from chatai.launcher import LaunchError
    from chatai.launcher.engines import borrowed_database

    try:
        with borrowed_database(settings) as owner_url:
            if down is None:
                migration.run(settings, owner_url)
            else:
                migration.down(settings, owner_url, down)
            revision = migration.current(migration.application_url(settings, owner_url))
    except (migration.MigrationError, LaunchError) as error:
        _fail(str(error))
    print(f"The database is at revision {revision or 'base'}.")


@app.command("setup-link")
def setup_link() -> None:
    """Print a link that makes the first administrator. Prints nothing when there is one."""
    settings = load_settings()
    from chatai.domains.accounts import service

    async def make(database: Database) -> str | None:
        async with database.system() as uow:
            return await service.setup_link(uow, settings.page_url)

    if link := _on_database(settings, make):
        print(link)


@app.command("create-admin")
def create_admin(
    email: Annotated[str, typer.Option(prompt="E-mail", help="Address to log in with.")],
    name: Annotated[str, typer.Option(prompt="Name", help="Name that others see.")],
    language: Annotated[Literal["en", "ru"], typer.Option(help="Language of mails.")] = "en",
) -> None:
    """Make an administrator, or make one of an existing account. The password is asked for, or read from a pipe."""
    settings = load_settings()
    from chatai.domains.accounts import service
    from chatai.domains.accounts.schemas import Registration

    if sys.stdin.isatty():
        password = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        password = sys.stdin.readline().rstrip("\n")

    async def make(database: Database) -> str:
        async with database.system() as uow:
            account = await service.create_admin(uow, Registration(email, name, password, language))
            return account.email

    print(f"{_on_database(settings, make)} is an administrator and may log in at {settings.page_url}.")


@app.command("clean-uploads")
def clean_uploads(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
) -> None:
    """Remove uploaded files that belong to no document. The jobs process does it each night."""
    settings = load_settings()
    from chatai import wiring
    from chatai.domains.knowledge import service
    from chatai.domains.knowledge.orphans import Orphans

    async def clean(database: Database) -> Orphans:
        wiring.bind(settings, models=False)
        try:
            return await service.remove_orphans(database, dry_run=dry_run)
        finally:
            await wiring.close()

    found = _on_database(settings, clean)
    print(f"{'Removed' if found.removed else 'Would remove'} {found.files} files, {found.size_bytes / 1024**2:.1f} MB.")


@app.command()
def doctor() -> None:
    """Look at everything that ChatAI needs and say what is wrong and how to mend it."""
    from chatai.launcher.doctor import examine

    raise typer.Exit(0 if asyncio.run(examine(load_settings())) else 1)


@app.command()
def version() -> None:
    """Print the version."""
    from importlib.metadata import version as installed

    print(installed("chatai"))


def _on_database(settings: Settings, action: Callable[[Database], Awaitable[T]]) -> T:
    """Runs something on the database as the application, and closes it. What people can mend ends the command."""
    from chatai import migrate as migration
    from chatai.core import logging as logs
    from chatai.core.database import Database
    from chatai.core.errors import ChatAIError
    from chatai.launcher import LaunchError
    from chatai.launcher.engines import borrowed_database

    logs.configure("cli", settings)

    async def run(url: str) -> T:
        database = Database(url, pool_size=0)
        try:
            return await action(database)
        finally:
            await database.close()

    try:
        with borrowed_database(settings) as owner_url:
            app_url = migration.application_url(settings, owner_url)
            if not migration.is_current(app_url):
                migration.run(settings, owner_url)
            return asyncio.run(run(app_url))
    except (migration.MigrationError, LaunchError) as error:
        _fail(str(error))
    except ChatAIError as error:
        _fail(error.sentence("en"))


def _with_database(settings: Settings) -> Settings:
    """The single processes find the database in the environment; `chatai up` puts it there."""
    if settings.database_url is None and settings.database_app_url is None:
        _fail("DATABASE_URL is not set. `chatai up` brings its own database; single processes need one given.")
    return settings


def _fail(sentence: str) -> NoReturn:
    print(sentence, file=sys.stderr)
    raise typer.Exit(1)


if __name__ == "__main__":
    main()
