"""The documentation as its tests see it: pages, what stands in code, and links."""

from __future__ import annotations

import re
import subprocess
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

_FENCE = re.compile(r"^( *)(```|~~~).*?\n(.*?)^\1\2 *$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)
_LINK = re.compile(r"!?\[[^\]]*\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
_HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)


@lru_cache(maxsize=1)
def tracked() -> list[Path]:
    """Every file of the project; of a copy without Git, what lies in its folders of sources."""
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        check=False,
    )
    if listed.returncode == 0:
        return sorted(path for name in listed.stdout.decode().split("\0") if name and (path := ROOT / name).is_file())
    folders = ("alembic", "assets", "bots", "chatai", "docs", "scripts", "tests")
    inside = [path for folder in folders for path in (ROOT / folder).rglob("*") if "__pycache__" not in path.parts]
    return sorted(path for path in [*ROOT.glob("*"), *inside] if path.is_file())


@lru_cache(maxsize=1)
def pages() -> dict[Path, str]:
    """Every Markdown page with its text."""
    return {path: path.read_text(encoding="utf-8") for path in tracked() if path.suffix == ".md"}


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(text: str) -> list[str]:
    """The contents of fenced code blocks."""
    return [match[3] for match in _FENCE.finditer(text)]


def spans(text: str) -> list[str]:
    """The contents of code spans, each in one line."""
    return [" ".join(match[2].split()) for match in _SPAN.finditer(_FENCE.sub("", text))]


def links(text: str) -> list[str]:
    """Targets of links and images."""
    return _LINK.findall(_SPAN.sub("", _FENCE.sub("", text)))


def anchors(text: str) -> set[str]:
    """The names that headings can be linked by, as GitHub and GitLab make them."""
    titles = (re.sub(r"[`*_]|\[([^\]]*)\]\([^)]*\)", r"\1", title) for title in _HEADING.findall(_FENCE.sub("", text)))
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}
