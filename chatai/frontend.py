"""Builds the browser's side of the pages once and keeps it, so that a start finds it ready.

A build belongs to the content it was made from (pages, assets, configuration, locked packages, Reflex itself), not to
a folder or a port: two checkouts with the same pages share one, and any port, host name or proxy can serve it.

Run as a module: `python -m chatai.frontend build` makes the build, `lock` renews `reflex.lock/` after a change of
Reflex or of the pages' JavaScript packages.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from chatai.core.settings import Settings, get_settings
from chatai.frontend_pdf import FOLDER_VARIABLE, fetch_pdf_renderer
from chatai.frontend_tools import PROGRESS_MARK, ToolsError, fetch_bun, npm_registry, prepare_node

ROOT = Path(__file__).resolve().parent.parent
SOURCES = (
    "chatai/web",
    "chatai/chatai.py",
    "chatai/frontend_build.py",
    "chatai/frontend_pdf.py",
    "assets",
    "rxconfig.py",
    "reflex.lock",
)
KEPT_BUILDS = 4
BUILD_TIMEOUT_SECONDS = 900.0
LOCKS = {"bun": "bun.lock", "npm": "package-lock.json"}

Progress = Callable[[str], None]


class FrontendError(Exception):
    """The pages could not be built. The message says why, and where the whole log is."""


@dataclass(frozen=True)
class Frontend:
    """A finished build: `client/` is what browsers get, `backend/` is what the web process must know of it."""

    folder: Path

    def environment(self) -> dict[str, str]:
        """Variables with which the web process serves this build without compiling anything."""
        return {
            "REFLEX_ENV_MODE": "prod",
            "__REFLEX_SKIP_COMPILE": "true",
            "__REFLEX_MOUNT_FRONTEND_COMPILED_APP": "true",
            "REFLEX_WEB_WORKDIR": str(self.folder),
            "REFLEX_DIR": str(self.folder.parent.parent / "reflex"),
            "REFLEX_TELEMETRY_ENABLED": "false",
        }


def ensure_built(settings: Settings, progress: Progress = lambda _line: None) -> Frontend:
    """The build for this code: the kept one, or a new one. Two processes that ask at once make one.

    Args:
        settings: Where builds are kept, and the language the pages are prerendered in.
        progress: Told one short line in English for each step that takes long.

    Raises:
        FrontendError: It can't be built.
    """
    if found := find_built(settings):
        return found
    cache = cache_dir(settings)
    frontend = Frontend(cache / "builds" / content_key(settings))
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with _lock(cache, progress):
            if not _is_complete(frontend.folder):
                _build(cache, frontend.folder, settings, progress)
                _forget_old(cache / "builds", keep=frontend.folder)
    except OSError as error:
        raise FrontendError(
            f"Can't keep the built pages in {cache}: {error.strerror}. Set FRONTEND_CACHE_DIR."
        ) from None
    return frontend


def find_built(settings: Settings) -> Frontend | None:
    """The kept build for this code, if there is one."""
    folder = cache_dir(settings) / "builds" / content_key(settings)
    if not _is_complete(folder):
        return None
    os.utime(folder)  # the builds unused for longest are forgotten first
    return Frontend(folder)


def cache_dir(settings: Settings) -> Path:
    """Where builds and the tools that make them are kept: not among the data, for they can be made anew."""
    if settings.frontend_cache_dir:
        return settings.frontend_cache_dir.absolute()
    kept = os.environ.get("XDG_CACHE_HOME")
    return (Path(kept) if kept else Path.home() / ".cache") / "chatai" / "frontend"


def content_key(settings: Settings) -> str:
    """Name of the build that fits the code: a hash of all that goes into it."""
    digest = hashlib.sha256()
    versions = sorted(
        f"{name}=={item.version}"
        for item in importlib.metadata.distributions()
        if (name := item.metadata["Name"] or "").startswith("reflex")
    )
    digest.update(json.dumps([versions, settings.default_language]).encode())
    for path in _source_files():
        digest.update(f"{path.relative_to(ROOT)}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:20]


def _source_files() -> list[Path]:
    found: list[Path] = []
    for name in SOURCES:
        path = ROOT / name
        found += sorted(path.rglob("*")) if path.is_dir() else [path]
    return [path for path in found if path.is_file() and "__pycache__" not in path.parts]


def _is_complete(folder: Path) -> bool:
    return (folder / "build" / "client" / "index.html").is_file() and (folder / "backend").is_dir()


def _build(cache: Path, target: Path, settings: Settings, progress: Progress) -> None:
    work = cache / "work"
    try:
        tools = prepare_node(cache / "tools")
        progress("Fetching the JavaScript bundler")
        bun = fetch_bun(cache / "tools", tools / "npm")
        pdf_renderer = fetch_pdf_renderer(cache / "tools", tools / "npm")
    except ToolsError as error:
        raise FrontendError(str(error)) from None
    for attempt in ("bun", "npm") if bun else ("npm",):
        _stage(work, attempt)
        environment = _build_environment(cache, tools, bun if attempt == "bun" else None, settings)
        environment[FOLDER_VARIABLE] = str(pdf_renderer)
        log = cache / f"build-{attempt}.log"
        if _run_build(work, environment, log, progress):
            break
        shutil.rmtree(work, ignore_errors=True)  # a half-made node_modules must not spoil the next attempt
        progress(f"Bundling with {attempt} failed, the log is {log}")
    else:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        raise FrontendError(f"The pages could not be built. The whole log is {log}; it ends with:\n{tail}")
    _keep(work / ".web", target)


def _stage(work: Path, manager: str) -> None:
    """Copies what the build reads into the work folder. `.web` stays there: its packages serve the next build."""
    for name in SOURCES:
        source, place = ROOT / name, work / name
        if place.is_dir():
            shutil.rmtree(place)
        place.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, place, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            shutil.copy2(source, place)
    for other, lock in LOCKS.items():
        if other != manager:
            (work / "reflex.lock" / lock).unlink(missing_ok=True)
            (work / ".web" / lock).unlink(missing_ok=True)


def _build_environment(cache: Path, tools: Path, bun: Path | None, settings: Settings) -> dict[str, str]:
    registry = os.environ.get("NPM_CONFIG_REGISTRY") or npm_registry(tools / "npm", cache)
    environment = {
        **os.environ,
        "PATH": f"{tools}{os.pathsep}{os.environ.get('PATH', '')}",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")])),
        "PYTHONUNBUFFERED": "1",
        "NPM_CONFIG_REGISTRY": registry,  # set, Reflex probes no mirrors
        "REFLEX_DIR": str(cache / "reflex"),
        "REFLEX_USE_NPM": "0" if bun else "1",
        "REFLEX_TELEMETRY_ENABLED": "false",
        "REFLEX_CHECK_LATEST_VERSION": "false",
        "REFLEX_EXTRA_PLUGINS": "chatai.frontend_build.OwnOrigin",
        "ENVIRONMENT": "local",
        "DATA_DIR": str(cache / "work" / "data"),
        "DEFAULT_LANGUAGE": settings.default_language,
        "DATABASE_URL": "",
        "DATABASE_APP_URL": "",
        "REDIS_URL": "",
    }
    if bun:
        environment["REFLEX_BUN_PATH"] = str(bun)
    for name in ("__REFLEX_SKIP_COMPILE", "__REFLEX_MOUNT_FRONTEND_COMPILED_APP", "REFLEX_WEB_WORKDIR"):
        environment.pop(name, None)
    return environment


def _run_build(work: Path, environment: dict[str, str], log: Path, progress: Progress) -> bool:
    deadline = time.monotonic() + BUILD_TIMEOUT_SECONDS
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "chatai.frontend_build"],
            cwd=work,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        assert process.stdout is not None  # noqa: S101  a pipe was asked for
        try:
            for line in process.stdout:
                output.write(line)
                if line.startswith(PROGRESS_MARK):
                    progress(line.removeprefix(PROGRESS_MARK).strip())
                if time.monotonic() > deadline:
                    process.kill()
            return process.wait(timeout=30) == 0
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


def _keep(web: Path, target: Path) -> None:
    """Copies the finished parts beside their place and moves them in at once: a build is there whole or not at all."""
    fresh = target.with_name(f".{target.name}.{os.getpid()}")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    shutil.copytree(web / "build" / "client", fresh / "build" / "client")
    shutil.copytree(web / "backend", fresh / "backend")
    for name in ("reflex.json", "csp.json"):
        if (web / name).exists():
            shutil.copy2(web / name, fresh / name)
    shutil.rmtree(target, ignore_errors=True)
    fresh.rename(target)


def _forget_old(builds: Path, *, keep: Path) -> None:
    others = sorted((path for path in builds.iterdir() if path != keep), key=lambda path: -path.stat().st_mtime)
    for path in others[KEPT_BUILDS - 1 :]:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def _lock(cache: Path, progress: Progress) -> Iterator[None]:
    with (cache / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("Waiting for another process that builds the pages")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def renew_locks(settings: Settings) -> None:
    """Resolves the JavaScript packages anew with both managers and writes `reflex.lock/`, free of addresses."""
    from chatai.frontend_build import without_addresses

    cache = cache_dir(settings)
    tools = prepare_node(cache / "tools")
    bun = fetch_bun(cache / "tools", tools / "npm")
    kept = ROOT / "reflex.lock"
    kept.mkdir(exist_ok=True)
    for manager in ("bun", "npm"):
        work = cache / "lock-work"
        shutil.rmtree(work, ignore_errors=True)
        _stage(work, manager)
        shutil.rmtree(work / "reflex.lock", ignore_errors=True)
        environment = _build_environment(cache, tools, bun if manager == "bun" else None, settings)
        if not _run_build(work, environment, cache / f"lock-{manager}.log", print):
            raise FrontendError(f"Could not resolve the packages; see {cache / f'lock-{manager}.log'}")
        lock = LOCKS[manager]
        (kept / lock).write_text(without_addresses((work / "reflex.lock" / lock).read_text()))
        if manager == "bun":  # exact versions; npm writes ranges, which Bun's frozen lock would not match
            shutil.copy2(work / "reflex.lock" / "package.json", kept / "package.json")
        shutil.rmtree(work)


def main(arguments: list[str]) -> int:
    settings = get_settings()
    try:
        if arguments == ["lock"]:
            renew_locks(settings)
        else:
            print(ensure_built(settings, print).folder)
    except FrontendError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
