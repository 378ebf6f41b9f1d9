"""What the embedded servers share: the account they run under, their folders, how they are started and found again."""

from __future__ import annotations

import ctypes
import hashlib
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

# A Unix socket's address has room for 108 bytes with the closing zero; macOS has 104.
# Longest name we put into the folder: ".s.PGSQL.5432.lock".
LONGEST_SOCKET_FOLDER = 80
LOG_LIMIT_BYTES = 5 * 1024 * 1024
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


class EngineError(Exception):
    """An embedded server can't run. The message is one sentence for people, with the cure."""


@dataclass(frozen=True)
class Account:
    """The system account that a server runs under. `None` as the id: the account of this process."""

    uid: int | None = None
    gid: int | None = None

    @classmethod
    def for_folder(cls, folder: Path) -> Account:
        """Root's servers run as the folder's owner, or as `nobody` when root made it: PostgreSQL refuses root."""
        if os.geteuid() != 0:
            return cls()
        if folder.exists() and (owner := folder.stat()).st_uid != 0:
            return cls(owner.st_uid, owner.st_gid)
        try:
            nobody = pwd.getpwnam("nobody")
        except KeyError:
            raise EngineError(
                "PostgreSQL refuses to run as root and this machine has no account `nobody`: "
                "start ChatAI from another account."
            ) from None
        return cls(nobody.pw_uid, nobody.pw_gid)

    def own(self, folder: Path) -> None:
        if self.uid is not None and self.gid is not None:
            os.chown(folder, self.uid, self.gid)


def parent_death_signal(number: signal.Signals) -> Callable[[], None] | None:
    """For `preexec_fn`: the child gets this signal when the thread that started it ends, however it ends.

    So start children from a thread that lives as long as they shall. Linux only; elsewhere there is no such thing.
    """
    if _LIBC is None:
        return None
    libc, parent = _LIBC, os.getpid()

    def ask() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, number)
        if os.getppid() != parent:  # the parent died before the kernel knew our wish
            os._exit(1)

    return ask


def private_folder(path: Path) -> Path:
    """Makes a folder that only its owner can enter."""
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise EngineError(
            f"Can't make the folder {path}: {error.strerror}. Set DATA_DIR to one you may write."
        ) from None
    return path


def socket_folder(run_dir: Path) -> Path:
    """The folder for sockets: below `run_dir`, or a short private one elsewhere when that path is too long.

    Its parent belongs to this account alone, so that no other process of the servers' account reaches the sockets.
    """
    inner = run_dir / "sockets"
    if len(os.fsencode(inner)) > LONGEST_SOCKET_FOLDER:
        name = hashlib.sha256(os.fsencode(run_dir)).hexdigest()[:12]
        outer = Path(tempfile.gettempdir()) / f"chatai-{os.geteuid()}-{name}"
        with suppress(FileExistsError):
            outer.mkdir(mode=0o700)
        found = outer.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
            outer = Path(tempfile.mkdtemp(prefix="chatai-"))
        inner = outer / "s"
        if len(os.fsencode(inner)) > LONGEST_SOCKET_FOLDER:
            raise EngineError(f"The path {inner} is too long for a socket. Set TMPDIR or DATA_DIR to a shorter one.")
    else:
        private_folder(run_dir)
    return private_folder(inner)


def leave_sockets(sockets: Path, run_dir: Path) -> None:
    """Removes a folder of sockets outside `run_dir` once no server has one in it."""
    if sockets.parent != run_dir:
        with suppress(OSError):  # the other server is still there, or it was there last and removed it
            sockets.rmdir()
            sockets.parent.rmdir()


@contextmanager
def reachable(account: Account, *folders: Path) -> Iterator[tuple[list[str], list[int]]]:
    """Names for folders under which a server of another account reaches them, and file descriptors to hand over.

    Root may keep its data where `nobody` may not pass (`/root`). An open folder handed over as a descriptor is
    reached through `/proc/self/fd` without passing its parents, and nobody's permissions have to be changed.
    """
    if account.uid is None or sys.platform != "linux":
        yield [str(folder) for folder in folders], []
        return
    descriptors = [os.open(folder, os.O_RDONLY | os.O_DIRECTORY) for folder in folders]
    try:
        yield [f"/proc/self/fd/{descriptor}" for descriptor in descriptors], descriptors
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def within_reach(account: Account, original: Path, label: str, parts: Mapping[Path, Path]) -> Path | None:
    """Where the account finds the programs: None when it may pass to the original, else the folder of a copy.

    The copy is made once, readable by all and writable by root alone. A descriptor does not help here as it does for
    data: PostgreSQL looks up the real path of its own program.

    Args:
        account: Who has to run them.
        original: A file or folder to be reached.
        label: Name of the copy; a new version needs a new one.
        parts: Files or folders to copy, and where to below the copy's folder.
    """
    if account.uid is None or _passable(original):
        return None
    cache = Path("/var/cache")
    home = (cache if cache.is_dir() and _passable(cache) else Path(tempfile.gettempdir())) / "chatai"
    home.mkdir(mode=0o755, exist_ok=True)
    found = home.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != 0 or found.st_mode & 0o022:
        raise EngineError(f"{home} is not root's own folder. Remove it: ChatAI keeps its servers' programs there.")
    place = home / label
    if not place.exists():
        stage = Path(tempfile.mkdtemp(dir=home))
        stage.chmod(0o755)
        for source, target in parts.items():
            (stage / target).parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, stage / target, symlinks=True)
            else:
                shutil.copy2(source, stage / target)
        try:
            stage.rename(place)
        except OSError:  # another start was faster
            shutil.rmtree(stage)
    return place


def _passable(path: Path) -> bool:
    """Whether every account may pass down to this file or folder."""
    real = path.resolve()
    return all(part.stat().st_mode & 0o001 for part in (real, *real.parents))


def spawn(
    command: Sequence[str | Path],
    *,
    account: Account,
    log: Path,
    death_signal: signal.Signals,
    descriptors: Sequence[int] = (),
    stdin: bytes = b"",
    environment: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Starts a server in its own session, so that Ctrl-C in the terminal does not reach it, logging to a file."""
    if log.exists() and log.stat().st_size > LOG_LIMIT_BYTES:
        log.replace(log.with_name(log.name + ".1"))
    with log.open("ab") as output, tempfile.TemporaryFile() as source:
        source.write(stdin)
        source.seek(0)
        return subprocess.Popen(
            [str(part) for part in command],
            stdin=source,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC", **(environment or {})},
            start_new_session=True,
            user=account.uid,
            group=account.gid,
            extra_groups=None if account.uid is None else [],
            pass_fds=descriptors,
            preexec_fn=parent_death_signal(death_signal),
        )


def processes_in(folder: Path) -> list[psutil.Process]:
    """Live processes that have this very folder as their current one: what is left of a server of ours."""
    found = []
    target = os.path.realpath(folder)
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.cwd() == target and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def end_leftovers(folder: Path, gentle: signal.Signals, patience: float = 30) -> None:
    """Ends the processes of a server that outlived its launcher. Call it only while holding the launcher's lock."""
    found = processes_in(folder)
    for process in found:
        with suppress(psutil.Error):
            process.send_signal(gentle)
    _, alive = psutil.wait_procs(found, timeout=patience)
    for process in alive:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(alive, timeout=5)


def wait_until(ready: Callable[[], bool], process: subprocess.Popen[bytes], patience: float) -> bool:
    """Waits for a server; False when it ended or `patience` (seconds) ran out."""
    deadline = time.monotonic() + patience
    pause = 0.005
    while time.monotonic() < deadline:
        if ready():
            return True
        if process.poll() is not None:
            return False
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)
    return False


def stop_process(process: subprocess.Popen[bytes], gentle: signal.Signals, patience: float) -> None:
    """Asks a server to stop; kills it when it has not after `patience` seconds."""
    if process.poll() is not None:
        return
    process.send_signal(gentle)
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def last_lines(log: Path, count: int = 4) -> str:
    """The end of a log, for an error's sentence."""
    try:
        lines = log.read_text(errors="replace").strip().splitlines()
    except OSError:
        return "no log was written"
    return " / ".join(line.strip() for line in lines[-count:]) or "its log is empty"
