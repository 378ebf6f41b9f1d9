"""The part of the frontend's build that knows Reflex. Runs in a process of its own, in the staging folder."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

from reflex_base.plugins.base import Plugin

from chatai.frontend_pdf import FOLDER_VARIABLE, put_among_assets
from chatai.frontend_tools import PROGRESS_MARK

PLACEHOLDER = "http://chatai.invalid"  # RFC 2606: can't be anybody's address
SCHEMES = {"http": "", "ws": '.replace(/^http/,"ws")'}


class BuildError(Exception):
    """The bundle is not what this code expects of the pinned Reflex."""


class OwnOrigin(Plugin):
    """Makes the bundle talk to the origin it was loaded from, notes the hashes of the inline scripts, adds pdf.js.

    Reflex bakes one address into the bundle. It is replaced by the page's own origin, so one build serves any port,
    host name and proxy. Runs before the files are compressed.
    """

    def post_build(self, **context: object) -> None:
        static = Path(str(context["static_dir"]))
        changed = sum(_use_own_origin(path) for path in static.rglob("*.js"))
        if not changed:
            raise BuildError("The address of the server was not found in the bundle; Reflex has changed.")
        hashes = {
            path.relative_to(static).as_posix(): inline_script_hashes(path.read_text(encoding="utf-8"))
            for path in static.rglob("*.html")
        }
        (static.parent.parent / "csp.json").write_text(json.dumps(hashes))
        if folder := os.environ.get(FOLDER_VARIABLE):  # not set where only the packages are resolved
            put_among_assets(Path(folder), static)


def _use_own_origin(path: Path) -> int:
    text = path.read_text(encoding="utf-8")
    for scheme, change in SCHEMES.items():
        address = PLACEHOLDER.replace("http", scheme, 1)
        own = f"globalThis.location.origin{change}"
        text = re.sub(rf'(["\'`]){re.escape(address)}(/[\w/-]*)\1', rf'({own}+"\2")', text)
    if "chatai.invalid" in text:
        raise BuildError(f"An address of the server is left over in {path.name}.")
    if text == path.read_text(encoding="utf-8"):
        return 0
    path.write_text(text, encoding="utf-8")
    return 1


class _InlineScripts(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.texts: list[str] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "script" and not any(name == "src" for name, _ in attrs):
            self._inside = True
            self.texts.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.texts[-1] += data


def inline_script_hashes(html: str) -> list[str]:
    """CSP sources (`'sha256-…'`) of the scripts that stand in the page itself."""
    parser = _InlineScripts()
    parser.feed(html)
    digests = (hashlib.sha256(text.encode()).digest() for text in parser.texts)
    return [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests]


def without_addresses(lock: str) -> str:
    """A lock file with checksums but without the registry it was made from: any registry can serve it."""
    if '"lockfileVersion": 3' not in lock:  # bun: an empty address means the configured registry
        return re.sub(r'"https?://[^"]*\.tgz"', '""', lock)
    content = json.loads(lock)
    for package in content["packages"].values():
        for name in ("resolved", "funding"):
            package.pop(name, None)
    return json.dumps(content, indent=2) + "\n"


def build() -> None:
    """Compiles and bundles the pages in the current folder into `.web/build/client` and `.web/backend`."""
    print(f"{PROGRESS_MARK}Compiling the pages", flush=True)
    from reflex.utils import export, frontend_skeleton, prerequisites
    from reflex_base.environment import environment

    prerequisites.initialize_reflex_user_directory()
    frontend_skeleton.initialize_web_directory()
    os.environ["REFLEX_COMPILE_CONTEXT"] = "export"
    environment.REFLEX_CHECK_LATEST_VERSION.set(False)
    export.export(zipping=False, frontend=True, backend=False, prerender_routes=True)


if __name__ == "__main__":
    os.environ["REFLEX_API_URL"] = PLACEHOLDER
    sys.path.insert(0, str(Path.cwd()))
    build()
