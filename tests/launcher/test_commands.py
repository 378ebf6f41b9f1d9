"""Commands that a person types beside a running installation."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from chatai.core.database import Database
from chatai.core.settings import Settings
from chatai.domains.accounts import service

ROOT = Path(__file__).resolve().parents[2]


def chatai(*command: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "chatai.cli", *command],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        input=typed,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


async def test_the_first_administrator_by_link_or_by_command(settings: Settings, database: Database) -> None:
    link = chatai("setup-link")
    assert link.returncode == 0
    assert link.stdout.startswith(f"{settings.page_url}/register?setup=")

    who = ("create-admin", "--email", "Ada@Example.org", "--name", "Ada")
    weak = chatai(*who, typed="password\n")
    assert (weak.returncode, weak.stdout) == (1, "")
    assert "10 to 200 characters" in weak.stderr

    made = chatai(*who, typed="a long enough password\n")
    assert made.stdout == f"ada@example.org is an administrator and may log in at {settings.page_url}.\n"
    assert "a long enough password" not in made.stderr
    assert chatai("setup-link").stdout == ""
    async with database.system() as uow:
        assert await service.setup_link(uow, settings.page_url) is None


def test_migrate_down_and_up_again(settings: Settings) -> None:
    assert chatai("migrate", "--down", "base").stdout == "The database is at revision base.\n"
    assert chatai("migrate").stdout.startswith("The database is at revision 0")
