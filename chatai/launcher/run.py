"""Puts everything in order: checks, servers, migrations, pages, then the three processes; and back again at the end."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Coroutine
from pathlib import Path

import psycopg

from chatai import migrate
from chatai.core.heartbeat import heartbeat_file
from chatai.core.settings import Settings
from chatai.engines import EngineError
from chatai.engines.process import parent_death_signal
from chatai.integrations.local_embeddings.location import check
from chatai.launcher.checks import MARK, LaunchError, check_ports, claim, end_leftovers
from chatai.launcher.console import Screen, Step
from chatai.launcher.engines import Engines
from chatai.launcher.service import Health, HeartbeatHealth, HttpHealth, Service, sweep
from chatai.launcher.web import web_command

ROOT = Path(__file__).resolve().parents[2]
NO_REDIS = (
    "No Valkey or Redis was found: ChatAI runs without it, slower and with one web worker. Set REDIS_URL to have one."
)


def up(settings: Settings) -> int:
    """Runs ChatAI until it is told to stop. Returns the exit code; what goes wrong is said in one line.

    Raises:
        SettingsError: A local embedding model is set that is not there.
    """
    check(settings.embedding_model)
    screen = Screen()
    try:
        with claim(settings):
            return asyncio.run(Launcher(settings, screen).run())
    except (LaunchError, EngineError, migrate.MigrationError) as error:
        screen.close()
        print(error, file=sys.stderr)
        return 1


def stopping_signals() -> list[signal.Signals]:
    """The signals that stop ChatAI. The terminal's end is not one for whoever started it under `nohup`."""
    signals = [signal.SIGINT, signal.SIGTERM]
    return signals if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else [*signals, signal.SIGHUP]


class Launcher:
    """One run of `chatai up`."""

    def __init__(self, settings: Settings, screen: Screen) -> None:
        self._settings = settings
        self._screen = screen
        self._engines = Engines(settings)
        self._services: dict[str, Service] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._builder: asyncio.subprocess.Process | None = None
        self._stop = asyncio.Event()
        self._began = time.monotonic()

    async def run(self) -> int:
        """Starts everything and waits. A signal stops it in order, a second one at once."""
        loop = asyncio.get_running_loop()
        for number in stopping_signals():
            loop.add_signal_handler(number, self._signalled, number)
        starting = asyncio.create_task(self._start())
        stopping = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
                await self._stop.wait()
        finally:
            await self._shut_down(starting)
        return 0

    def _signalled(self, number: signal.Signals) -> None:
        if self._stop.is_set():
            # Only a person's Ctrl-C means haste. SIGTERM comes twice when a whole group is told to end under `make`.
            if number == signal.SIGINT:
                self._kill()
            return
        self._screen.say("Stopping …" if number == signal.SIGINT else f"Stopping, for {number.name} …")
        self._stop.set()

    # --- start

    async def _start(self) -> None:
        leftovers = await asyncio.to_thread(end_leftovers, self._settings)
        if leftovers:
            self._screen.say(f"Ended {leftovers} processes that an earlier, killed start had left.")
        check_ports(self._settings)
        self._settings.logs_dir.mkdir(exist_ok=True, mode=0o700)
        if self._engines.without_redis:
            self._screen.say(NO_REDIS, style="yellow")
        pages = asyncio.create_task(self._pages())
        try:
            await self._all(self._database(), self._redis())
            self._run(self._engines.watch(self._screen))
            environment = self._environment()
            self._launch_bots_and_jobs(environment)
            link = asyncio.create_task(self._setup_link())
            self._launch_web({**environment, **await pages})
            async with self._screen.step("Starting the processes"):
                await self._until_ready()
            self._greet(await link)
        finally:
            pages.cancel()

    async def _database(self) -> None:
        if self._engines.postgres:
            async with self._screen.step("Starting PostgreSQL"):
                await self._engines.start(self._engines.postgres)
        app_url = await asyncio.to_thread(lambda: self._engines.app_url)
        if not await asyncio.to_thread(migrate.is_current, app_url):
            async with self._screen.step("Bringing the database up to date"):
                await asyncio.to_thread(migrate.run, self._settings, self._engines.owner_url)

    async def _redis(self) -> None:
        if self._engines.valkey:
            async with self._screen.step("Starting Valkey"):
                await self._engines.start(self._engines.valkey)

    async def _pages(self) -> dict[str, str]:
        """The variables with which the web process serves the built pages, built first if need be.

        The build is a process of its own, in a session of its own: Ctrl-C ends it with all its children.
        """
        from chatai import frontend

        built = await asyncio.to_thread(frontend.find_built, self._settings)
        if built is None:
            async with self._screen.step("Building the pages (once, about half a minute)") as step:
                await self._build(step)
            built = await asyncio.to_thread(frontend.find_built, self._settings)
        if built is None:
            raise LaunchError("The pages were built, but can't be found. Remove FRONTEND_CACHE_DIR and start again.")
        return built.environment()

    async def _build(self, step: Step) -> None:
        process = self._builder = await self._child("chatai.frontend", "build")
        lines: list[str] = []
        assert process.stdout is not None  # noqa: S101 - a pipe was asked for
        async for line in process.stdout:
            lines.append(line.decode(errors="replace").rstrip())
            if not lines[-1].startswith("/"):  # the last line is where the build is kept
                step.detail(lines[-1])
        if await process.wait() != 0:
            raise LaunchError("\n".join(lines[-20:]) or "The pages could not be built.")

    async def _child(self, *module: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            *module,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=self._base_environment(),
            start_new_session=True,
            preexec_fn=parent_death_signal(signal.SIGTERM),
        )

    def _base_environment(self) -> dict[str, str]:
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
        return {
            **os.environ,
            MARK: str(self._settings.run_dir),
            "DATA_DIR": str(self._settings.data_dir.absolute()),
            "PYTHONPATH": path,
            "PYTHONUNBUFFERED": "1",
        }

    def _environment(self) -> dict[str, str]:
        """What all three processes get: the addresses, whoever runs the servers behind them.

        The owner's address is not among them: they work as the application role, which owns nothing.
        """
        environment = self._base_environment() | {
            "DATABASE_URL": "",
            "DATABASE_APP_URL": self._engines.app_url,
            "SECRET_KEY": self._settings.secret(),
        }
        if self._engines.redis_url:
            environment["REDIS_URL"] = self._engines.redis_url
        return environment

    def _launch_bots_and_jobs(self, environment: dict[str, str]) -> None:
        settings = self._settings
        bots = HttpHealth("127.0.0.1", settings.bots_port)
        self._launch("bots", environment, bots, stop_patience=20)
        file = heartbeat_file(settings, "jobs")
        file.unlink(missing_ok=True)
        self._launch("jobs", environment, HeartbeatHealth(file), stop_patience=15)

    def _launch_web(self, environment: dict[str, str]) -> None:
        health = HttpHealth(self._settings.host, self._settings.port)
        command = web_command(self._settings, redis="REDIS_URL" in environment)
        # The server has workers of its own, which it must be able to stop when the launcher is killed.
        web = Service("web", command, environment, health, self._screen, 10, orphan_signal=signal.SIGTERM)
        self._supervise(web)

    def _launch(self, name: str, environment: dict[str, str], health: Health, stop_patience: float) -> None:
        command = [sys.executable, "-m", "chatai.cli", name]
        self._supervise(Service(name, command, environment, health, self._screen, stop_patience))

    def _supervise(self, service: Service) -> None:
        self._services[service.name] = service
        self._run(service.run())

    async def _until_ready(self) -> None:
        """Raises: LaunchError: One of them gave up before it was ready even once."""
        services = list(self._services.values())
        waits = [asyncio.create_task(event.wait()) for one in services for event in (one.ready, one.gave_up)]
        try:
            while not all(one.ready.is_set() for one in services):
                pending = [wait for wait in waits if not wait.done()]
                await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                for service in services:
                    if service.gave_up.is_set():
                        raise LaunchError(f"The process `{service.name}` does not start; its lines above say why.")
        finally:
            for wait in waits:
                wait.cancel()

    # --- the first admin

    async def _setup_link(self) -> str:
        """The link for the first admin, or nothing when there is one."""
        if await asyncio.to_thread(self._has_admin):
            return ""
        process = await self._child("chatai.cli", "setup-link")
        output, _ = await process.communicate()
        *others, last = output.decode(errors="replace").strip().splitlines() or [""]
        if process.returncode == 0:
            return last
        for line in (*others, last):
            self._screen.line("chatai", line)
        return "could not be made; the lines above say why. Try: chatai setup-link"

    def _has_admin(self) -> bool:
        """Asked in plain SQL: the domains' imports would cost each start more than a second."""
        with psycopg.connect(migrate.libpq_url(self._engines.owner_url), connect_timeout=10) as connection:
            return connection.execute("SELECT 1 FROM account WHERE role = 'admin' LIMIT 1").fetchone() is not None

    def _greet(self, link: str) -> None:
        settings = self._settings
        self._screen.say("")
        self._screen.say(f"ChatAI is ready after {time.monotonic() - self._began:.1f} s.", style="bold green")
        self._screen.say(f"  Pages and API   {settings.page_url}")
        self._screen.say(f"  Bot manager     http://127.0.0.1:{settings.bots_port}/health")
        self._screen.say(f"  Data            {settings.data_dir.absolute()}")
        if link:
            self._screen.say(f"  First admin     {link}", style="bold")
        self._screen.say("Stop it with Ctrl-C.")

    # --- tasks and the end

    def _run(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)

    @staticmethod
    async def _all(*works: Coroutine[object, object, None]) -> None:
        """Both at once; the first one that fails stops the other."""
        try:
            async with asyncio.TaskGroup() as group:
                for work in works:
                    group.create_task(work)
        except* (EngineError, LaunchError, migrate.MigrationError) as errors:
            raise errors.exceptions[0] from None

    async def _shut_down(self, starting: asyncio.Task[None]) -> None:
        """Bots first, so that they finish what they answer; then web and jobs; the servers last."""
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        if self._builder and self._builder.returncode is None:
            sweep(self._builder.pid)
        for names in (("bots",), ("web", "jobs")):
            await asyncio.gather(*(self._services[name].stop() for name in names if name in self._services))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.to_thread(end_leftovers, self._settings, 2)
        await self._engines.stop()
        self._screen.close()
        if self._stop.is_set():
            self._screen.say("Stopped.")

    def _kill(self) -> None:
        """A second Ctrl-C: everything ends now. What was going on is recovered at the next start."""
        for service in self._services.values():
            service.kill()
        if self._builder and self._builder.returncode is None:
            sweep(self._builder.pid)
        end_leftovers(self._settings, patience=0)
        self._engines.kill()
        self._screen.close()
        os._exit(1)
