"""What is looked at before anything starts: the folder, whether somebody is there already, the ports."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil

from chatai.core.settings import Settings

PID_FILE = "chatai.pid"
# Stands in the environment of every process that a launcher starts, with the run folder as its value: so a later
# launcher finds what a killed one left behind.
MARK = "CHATAI_RUN_DIR"


class LaunchError(Exception):
    """ChatAI can't start. The message is one clear line with the cure."""


@contextmanager
def claim(settings: Settings) -> Iterator[None]:
    """Holds the data folder for this launcher. The PID file has two lines, the process and its address.

    The kernel lets the lock go when the process ends, however it ends; the file's text alone means nothing.

    Raises:
        LaunchError: The folder can't be written, or another launcher holds it.
    """
    folder = settings.data_dir.absolute()
    try:
        # Nobody else's business. Only root on other systems than Linux needs it passable, for the servers' account.
        folder.mkdir(parents=True, exist_ok=True, mode=0o700 if sys.platform == "linux" or os.geteuid() else 0o711)
        settings.run_dir.mkdir(exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=folder):
            pass
        file = (settings.run_dir / PID_FILE).open("a+")
    except OSError as error:
        raise LaunchError(
            f"DATA_DIR: can't write to {folder} ({error.strerror}). Make it writable for this account, "
            "or set DATA_DIR to another folder."
        ) from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            pid, address = [*file.read().splitlines(), "?", "?"][:2]
            raise LaunchError(
                f"ChatAI is already running on {folder}: process {pid}, {address}. "
                f"Stop it with Ctrl-C there or with `kill {pid}`."
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n{settings.page_url}\n")
        file.flush()
        yield
        file.truncate(0)


def running(settings: Settings) -> int | None:
    """The process of the launcher that holds the data folder, if one does."""
    with suppress(OSError), (settings.run_dir / PID_FILE).open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            first = file.readline().strip()
            return int(first) if first.isdigit() else None
    return None


def belonging(settings: Settings) -> list[psutil.Process]:
    """The processes that a launcher of this data folder started, and theirs, wherever they hang in the tree."""
    mark = str(settings.run_dir)
    family = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.pid not in family and process.environ().get(MARK) == mark:
                found.append(process)
    return found


def end_leftovers(settings: Settings, patience: float = 5) -> int:
    """Ends what a killed launcher or a killed process left behind. Only while holding the claim. Returns how many."""
    found = belonging(settings)
    for process in found:
        with suppress(psutil.Error):
            process.send_signal(signal.SIGTERM if patience else signal.SIGKILL)
    _, alive = psutil.wait_procs(found, timeout=patience)
    for process in alive:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(alive, timeout=5 if patience else 0)
    return len(found)


def check_ports(settings: Settings) -> None:
    """Raises: LaunchError: A port is taken or can't be listened on."""
    wanted = {"PORT": settings.port, "BOTS_PORT": settings.bots_port}
    if settings.port == settings.bots_port:
        raise LaunchError(f"PORT and BOTS_PORT are both {settings.port}. Set one of them to another port.")
    for name, port in wanted.items():
        check_port(name, settings.host, port)


def check_port(name: str, host: str, port: int) -> None:
    """Tries to listen on a port for a moment. `name` is the setting that the cure names."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
    except socket.gaierror:
        raise LaunchError(f"HOST: {host} is no address of this machine. Set HOST to 127.0.0.1 or 0.0.0.0.") from None
    except OSError as error:
        raise LaunchError(_port_trouble(name, host, port, error)) from None


def _port_trouble(name: str, host: str, port: int, error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return (
                f"{name}: port {port} is taken{_holder(port)}. Stop that, or set {name} to a free port, "
                f"for example {name}={_free_port(host, port)}."
            )
        case errno.EACCES | errno.EPERM:
            return f"{name}: this account may not listen on port {port}. Set {name} to 1024 or above."
        case errno.EADDRNOTAVAIL:
            return f"HOST: {host} is no address of this machine. Set HOST to 127.0.0.1 or 0.0.0.0."
    return f"{name}: can't listen on port {port} ({error.strerror}). Set {name} to another port."


def _holder(port: int) -> str:
    """Who listens on the port, as far as this account may see it."""
    with suppress(psutil.Error, OSError):
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
                return f" by process {connection.pid} ({psutil.Process(connection.pid).name()})"
    return ""


def _free_port(host: str, taken: int) -> int:
    for port in range(taken + 1, min(taken + 200, 65536)):
        with suppress(OSError), socket.socket() as probe:
            probe.bind((host, port))
            return port
    return taken + 1 if taken < 65535 else 8000
