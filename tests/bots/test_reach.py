"""A bot's process that was taken over reads no secret, writes nothing, reaches no server here but Telegram's, and still
does its work."""

from __future__ import annotations

import json
import os
import socket
import sys
import tempfile
from pathlib import Path

import pytest
import pytest_asyncio
from psycopg.conninfo import conninfo_to_dict

from bots import incoming, reach
from bots.sandbox.parameters import Upload
from chatai.core import landlock
from chatai.integrations.reader.surroundings import PROJECT_ROOT
from tests.bots.world import ANNA, open_world
from tests.fakes.openai import Plan
from tests.knowledge.documents import make_pdf
from tests.waiting import eventually

pytestmark = pytest.mark.skipif(landlock.version() < 4, reason="the kernel has no Landlock that knows ports")
in_the_world = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(postgres, template_database, tmp_path_factory, free_port):
    folder = tmp_path_factory.mktemp("reach")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bots.zygote_launch.ZYGOTE", "tests.bots.wild")
        async with open_world(postgres, template_database, folder, free_port()) as world:
            yield world


async def outcomes(world, bot, *tries: tuple[str, object]) -> list[str]:
    chat = world.chat(bot)
    before = len(world.said(bot, chat))
    world.write(bot, chat, "try! " + json.dumps([[kind, str(what)] for kind, what in tries]))
    said = await eventually(lambda: world.said(bot, chat)[before:], patience=60)
    return said[0].split()


@in_the_world
async def test_what_is_not_its_own_is_out_of_reach(world):
    bot, view = await world.new_bot("Taken over")
    _, other = await world.new_bot("Neighbour")
    data, run = world.settings.data_dir, world.settings.run_dir
    secret, upload = data / "secrets" / "secret_key", data / "uploads" / "1" / "documents" / "1.pdf"
    for path in (secret, upload):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("not for bots")
    theirs = incoming.new_file(incoming.folder_of(run, str(other.id)))
    own = incoming.folder_of(run, str(view.id))
    assert world.settings.database_app_url
    where = conninfo_to_dict(world.settings.database_app_url.get_secret_value())
    database = Path(str(where["host"])) / f".s.PGSQL.{where.get('port', 5432)}"
    assert database.is_socket()
    outside = Path(tempfile.gettempdir())
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        tries: list[tuple[str, object]] = [
            ("read", secret), ("read", upload), ("list", data), ("list", "/"), ("read", theirs), ("remove", theirs),
            ("read", "/etc/passwd"), ("read", f"/proc/{os.getpid()}/environ"), ("read", "/proc/self/environ"),
            ("list", "/proc"), ("read", PROJECT_ROOT / "pyproject.toml"), ("list", PROJECT_ROOT),
            ("write", data / "new"), ("write", outside / "new"), ("write", f"{reach.__file__}c"),
            ("write", "/dev/shm/new"), ("link", own / "link"), ("link", outside / "link"),
            ("call", database), ("send", database),
            ("dial", elsewhere.getsockname()[1]), ("dial", world.settings.bots_port), ("serve", 0),
            ("dial by many paths", elsewhere.getsockname()[1]), ("dial by sending", elsewhere.getsockname()[1]),
        ]  # fmt: skip
        told = await outcomes(world, bot, *tries)
    assert [pair for pair in zip(tries, told, strict=True) if pair[1] != "PermissionError"] == []
    assert theirs.exists()
    theirs.unlink()


@in_the_world
async def test_what_its_work_needs_is_there(world):
    bot, view = await world.new_bot("Honest")
    file = incoming.folder_of(world.settings.run_dir, str(view.id)) / "new"
    tries = [
        ("load", "mailbox"), ("load", "audioop" if sys.version_info < (3, 13) else "_lsprof"), ("load", "pypdf"),
        ("zone", "Europe/Moscow"), ("look up", "localhost"), ("read", "/etc/hosts"),
        ("dial", world.server.port), ("write", file), ("write", file), ("remove", file),
    ]  # fmt: skip
    assert await outcomes(world, bot, *tries) == ["done"] * len(tries)


@in_the_world
async def test_files_still_come_and_questions_are_answered(world, tmp_path):
    bot, view = await world.new_bot("Reader")
    world.model.plan = Plan(answers=["Half past nine."])
    chat = world.chat(bot)
    pdf = make_pdf(tmp_path / "plan.pdf", ["The train leaves at half past nine."])
    upload = Upload("plan.pdf", "application/pdf", pdf.read_bytes())
    world.write(bot, chat, "When does it leave?", ANNA, kind="document", upload=upload)
    await eventually(lambda: "Half past nine." in "".join(world.said(bot, chat)), patience=60)
    assert "leaves at half past nine" in str(world.model.chats()[-1].body["messages"])
    folder = incoming.folder_of(world.settings.run_dir, str(view.id))
    await eventually(lambda: not list(folder.iterdir()), patience=30)


def test_where_names_are_looked_up_is_seen_to_have_changed(tmp_path, monkeypatch):
    """In a process of its own: it is for good."""
    names = tmp_path / "resolv.conf"
    names.write_text("nameserver 127.0.0.1\n")
    monkeypatch.setattr(reach, "_NAME_FILES", (str(names), str(tmp_path / "none")))
    ready, go, said = (os.pipe() for _ in range(3))
    child = os.fork()
    if child == 0:
        landlock.restrict([(str(names), landlock.READ_FILE)], ())
        before = reach.names_are_out_of_reach()
        os.write(ready[1], b"!")
        os.read(go[0], 1)
        os.write(said[1], f"{before} {reach.names_are_out_of_reach()}".encode())
        os._exit(0)
    os.read(ready[0], 1)
    fresh = tmp_path / "fresh"
    fresh.write_text("nameserver 127.0.0.2\n")
    fresh.rename(names)
    os.write(go[1], b"!")
    assert os.read(said[0], 100) == b"False True"
    os.waitpid(child, 0)
    for end in (*ready, *go, *said):
        os.close(end)
