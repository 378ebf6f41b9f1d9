"""Mozilla's pdf.js, which renders a document's pages in the browser: fetched when the pages are built, served by us.

It is not bundled: a page of a PDF loads it when it is looked at, and no other page pays for it. Its files come from
the npm package, of one version with a known digest, without the package's own dependency (a canvas for Node.js).
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

from chatai.frontend_tools import FETCH_TIMEOUT_SECONDS, ToolsError

VERSION = "6.5.438"
SHA512 = (
    "be0f0fc35c7e0052b2e00303be1b9697970e615f1debdf14a0400da0516173bf"
    "61a970e7650aa7397a31c371c6f74ed61ce8352583af2e13fbe7a6e875d171a4"
)
ADDRESS = f"/assets/pdfjs-{VERSION}/"  # where browsers find it: named by version, so kept for good
WORKER = "pdf.worker.js"
# Where the build finds the folder, to put it among its static files.
FOLDER_VARIABLE = "CHATAI_PDFJS_FOLDER"

# Of the package → our name. The legacy build runs in browsers that are some years old. `.js`, because a server may know
# no type for `.mjs`. Pictures in JPEG 2000 and JBIG2 are decoded in plain JavaScript: WebAssembly would need a wider
# content security policy.
_FILES = {
    "legacy/build/pdf.min.mjs": "pdf.js",
    "legacy/build/pdf.worker.min.mjs": WORKER,
    "wasm/jbig2_nowasm_fallback.js": "wasm/jbig2_nowasm_fallback.js",
    "wasm/openjpeg_nowasm_fallback.js": "wasm/openjpeg_nowasm_fallback.js",
    "LICENSE": "LICENSE",
}
_FOLDERS = ("cmaps/", "standard_fonts/")
_LICENCES = ("wasm/LICENSE_",)
_COMPLETE = ".complete"


def fetch_pdf_renderer(tools: Path, npm: Path) -> Path:
    """Folder with the files of pdf.js, fetched on first use.

    Raises:
        ToolsError: The registry is away, or what it gave is not that version.
    """
    folder = tools / f"pdfjs-{VERSION}"
    if (folder / _COMPLETE).is_file():
        return folder
    fresh = tools / f".pdfjs-{VERSION}.{os.getpid()}"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    try:
        package = _download(npm, fresh)
        _unpack(package, fresh)
        package.unlink()
        (fresh / _COMPLETE).touch()
        shutil.rmtree(folder, ignore_errors=True)
        fresh.rename(folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return folder


def put_among_assets(folder: Path, static: Path) -> None:
    """Copies the files into the build that browsers get."""
    target = static / ADDRESS.strip("/")
    shutil.copytree(folder, target, ignore=shutil.ignore_patterns(_COMPLETE), dirs_exist_ok=True)


def _download(npm: Path, folder: Path) -> Path:
    command = [str(npm), "pack", f"pdfjs-dist@{VERSION}", "--pack-destination", str(folder), "--loglevel=error"]
    try:
        subprocess.run(command, check=True, capture_output=True, cwd=folder, timeout=FETCH_TIMEOUT_SECONDS)
    except (OSError, subprocess.SubprocessError):
        raise ToolsError(
            f"pdf.js {VERSION} could not be fetched from the npm registry; check the network, or set"
            " NPM_CONFIG_REGISTRY to a registry that is reached"
        ) from None
    package = folder / f"pdfjs-dist-{VERSION}.tgz"
    if hashlib.sha512(package.read_bytes()).hexdigest() != SHA512:
        raise ToolsError(f"What the npm registry gave for pdf.js {VERSION} is not that package; nothing of it is used")
    return package


def _unpack(package: Path, folder: Path) -> None:
    with tarfile.open(package) as archive:
        for member in archive:
            name = member.name.removeprefix("package/")
            if not member.isfile() or not (name in _FILES or name.startswith(_FOLDERS + _LICENCES)):
                continue
            content = archive.extractfile(member)
            target = folder / _FILES.get(name, name)
            if content is None or not target.resolve().is_relative_to(folder.resolve()):
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content.read())
    missing = [name for name in _FILES.values() if not (folder / name).is_file()]
    if missing:
        raise ToolsError(f"pdf.js {VERSION} lacks {', '.join(missing)}")
