"""`chatai up` for real: everything starts, survives what people and machines do to it, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

import psutil
import psycopg
import pytest

from chatai.core.settings import Settings
from chatai.engines import EmbeddedPostgres
from chatai.launcher.engines import embedded_postgres
from tests.running import Up, environment, of_installation, start
from tests.waiting import eventually

__all__ = ["environment", "start"]


def fetch(environment: dict[str, str], path: str) -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{environment['PORT']}{path}", timeout=10) as answer:
        return answer.read()


def status(environment: dict[str, str]) -> str | None:
    """What /health says, or None while it says nothing or 503."""
    with contextlib.suppress(OSError):
        return json.loads(fetch(environment, "/health"))["status"]
    return None


def database_of(environment: dict[str, str]) -> EmbeddedPostgres:
    server = embedded_postgres(Settings(_env_file=None, data_dir=Path(environment["DATA_DIR"])))
    server.attach()
    return server


async def test_a_life_of_an_installation(start: Callable[[], Up], environment: dict[str, str], tmp_path: Path) -> None:
    data = tmp_path / "data"
    up = start()
    await up.ready()
    assert status(environment) == "healthy"
    assert re.search(r"First admin +http://localhost:\d+/register\?setup=\S{20,}", up.text)
    assert b"<html" in fetch(environment, "/login/")

    # what serves people and bots does not know how to log in as the owner of the tables
    served = [process.environ() for process in psutil.Process(up.process.pid).children() if _is_ours(process)]
    assert len(served) == 3
    assert all("chatai_owner" not in " ".join(variables.values()) for variables in served)

    # a second start on the same folder
    other = start()
    code, text = other.ended()
    assert (code, len(text.splitlines())) == (1, 1)
    assert f"already running on {data}: process {up.process.pid}, http://localhost:{environment['PORT']}" in text

    # PostgreSQL dies: it is brought back, and the web process finds it again
    with psycopg.connect(database_of(environment).owner_url()) as connection:
        connection.execute("CREATE TABLE kept (word text)")
        connection.execute("INSERT INTO kept VALUES ('still here')")
    postmaster = int((data / "postgres" / "postmaster.pid").read_text().splitlines()[0])
    os.kill(postmaster, signal.SIGKILL)
    await eventually(lambda: "postgres │ runs again" in up.text, patience=60)
    await eventually(lambda: status(environment) == "healthy", patience=60)

    # everything is killed: nothing stays, and the next start finds all data
    for process in of_installation(data):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    up.process.kill()
    up.process.wait()
    await eventually(lambda: not of_installation(data))
    again = start()
    await again.ready()
    with psycopg.connect(database_of(environment).owner_url()) as connection:
        assert connection.execute("SELECT word FROM kept").fetchone() == ("still here",)

    # Ctrl-C
    os.killpg(again.process.pid, signal.SIGINT)
    code, text = again.ended()
    assert code == 0
    assert text.rstrip().endswith("Stopped.")
    assert "Traceback" not in text
    assert of_installation(data) == []
    log = (data / "logs" / "postgres.log").read_text()
    assert log.rstrip().endswith("database system is shut down")


def _is_ours(process: psutil.Process) -> bool:
    return process.cmdline()[-1] in {"bots", "jobs", "chatai.chatai:app"}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children about their parent's death")
async def test_a_killed_launcher_and_a_second_ctrl_c_leave_nothing(start: Callable[[], Up], tmp_path: Path) -> None:
    up = start()
    await up.ready()
    assert len(of_installation(tmp_path / "data")) > 5
    up.process.kill()
    up.process.wait()
    await eventually(lambda: not of_installation(tmp_path / "data"), patience=30)

    hasty = start()
    await hasty.ready()
    os.kill(hasty.process.pid, signal.SIGINT)
    await eventually(lambda: "Stopping" in hasty.text)
    os.kill(hasty.process.pid, signal.SIGINT)
    code, text = hasty.ended()
    assert code == 1
    assert "Traceback" not in text
    await eventually(lambda: not of_installation(tmp_path / "data"))
