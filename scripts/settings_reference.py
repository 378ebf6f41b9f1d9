"""Writes `docs/reference/settings.md` from the settings themselves: `make docs`.

A test compares the file with what this makes, so a setting can't change without its documentation.
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import get_args

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from chatai.core import settings as module
from chatai.core.settings import Settings

TARGET = Path(__file__).resolve().parent.parent / "docs" / "reference" / "settings.md"
HEAD = """\
# Settings

Made from `chatai/core/settings.py` by `make docs`; edit it there.

Values come from the environment, then from the file `.env` in the folder where ChatAI is started, then from the
defaults below. An empty value counts as not set. A wrong one stops the start with one line that names it and the
cure. `ENVIRONMENT=production` refuses settings that are not safe.
"""


def reference() -> str:
    """The whole page."""
    parts = [HEAD]
    for title, names in groups().items():
        parts.append(f"\n## {title}\n\n| Variable | Default | Meaning |\n|---|---|---|\n")
        parts += [row(name, Settings.model_fields[name]) for name in names]
    return "".join(parts)


def groups() -> dict[str, list[str]]:
    """The fields under the headings that stand as comments in the class."""
    found: dict[str, list[str]] = {}
    title = ""
    for line in inspect.getsource(module.Settings).splitlines():
        if heading := re.match(r"    # --- (.+)", line):
            title = heading[1].strip()
        elif (field := re.match(r"    (\w+): ", line)) and field[1] in Settings.model_fields:
            found.setdefault(title, []).append(field[1])
    return found


def row(name: str, field: FieldInfo) -> str:
    """One line of a table."""
    text = (field.description or "").replace("|", "\\|")
    if limits := _limits(field):
        text += f" {limits}"
    return f"| `{name.upper()}` | {_default(field)} | {text} |\n"


def _default(field: FieldInfo) -> str:
    value = field.default
    if value in (None, "", ()):
        return "*empty*"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value}`"


def _limits(field: FieldInfo) -> str:
    """What values are allowed, where the type or its bounds say so."""
    if SecretStr in (field.annotation, *get_args(field.annotation)):
        return "(secret)"
    choices = get_args(field.annotation)
    if choices and all(isinstance(choice, str) for choice in choices):
        return "One of " + ", ".join(f"`{choice}`" for choice in choices) + "."
    bounds = {}
    for limit in field.metadata:
        for kind in ("ge", "gt", "le", "lt"):
            if (bound := getattr(limit, kind, None)) is not None:
                bounds[kind] = bound
    low = f"at least {bounds['ge']}" if "ge" in bounds else f"over {bounds['gt']}" if "gt" in bounds else ""
    high = f"at most {bounds['le']}" if "le" in bounds else ""
    said = ", ".join(filter(None, [low, high]))
    return f"{said.capitalize()}." if said else ""


if __name__ == "__main__":
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(reference())
    print(f"wrote {TARGET.relative_to(Path.cwd())}" if TARGET.is_relative_to(Path.cwd()) else f"wrote {TARGET}")
