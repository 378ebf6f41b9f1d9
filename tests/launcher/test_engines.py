"""The embedded servers: first start, second start, crash, and folders that are hard to live in."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from chatai.engines import EmbeddedPostgres, EmbeddedValkey, EngineError
from chatai.engines.postgres import check_cpu
from chatai.engines.process import LONGEST_SOCKET_FOLDER, processes_in, socket_folder


@pytest.fixture
def make_postgres(tmp_path: Path) -> Iterator[Callable[..., EmbeddedPostgres]]:
    made: list[EmbeddedPostgres] = []

    def make(home: Path = tmp_path) -> EmbeddedPostgres:
        options = {"fsync": "off"}
        server = EmbeddedPostgres(
            home / "postgres", home / "run", home / "secrets", home / "logs" / "postgres.log", options
        )
        made.append(server)
        return server

    yield make
    for server in made:
        server.stop(at_once=True)


@pytest.fixture
def make_valkey(tmp_path: Path) -> Iterator[Callable[[], EmbeddedValkey]]:
    made: list[EmbeddedValkey] = []

    def make() -> EmbeddedValkey:
        made.append(EmbeddedValkey(tmp_path / "valkey", tmp_path / "run", tmp_path / "logs" / "valkey.log"))
        return made[-1]

    yield make
    for server in made:
        server.stop(at_once=True)


def test_postgres_keeps_rows_over_a_clean_stop_and_a_crash(make_postgres: Callable[..., EmbeddedPostgres]) -> None:
    server = make_postgres()
    server.start()
    with psycopg.connect(server.owner_url()) as connection:
        connection.execute("CREATE TABLE note (text text)")
        connection.execute("INSERT INTO note VALUES ('Ёжик')")
        assert connection.execute("SELECT lower(text) FROM note").fetchone() == ("ёжик",)
    server.stop()
    assert not processes_in(server.folder)

    server.start()
    with psycopg.connect(server.owner_url()) as connection:
        connection.execute("INSERT INTO note VALUES ('second')")
    for process in processes_in(server.folder):
        with contextlib.suppress(psutil.NoSuchProcess):  # the others end by themselves once the first is gone
            process.kill()
    psutil.wait_procs(processes_in(server.folder), timeout=10)
    assert (server.folder / "postmaster.pid").exists()

    server.start()
    with psycopg.connect(server.owner_url()) as connection:
        assert connection.execute("SELECT count(*) FROM note").fetchone() == (2,)


def test_a_server_left_over_by_a_killed_launcher_is_replaced(
    make_postgres: Callable[..., EmbeddedPostgres], make_valkey: Callable[[], EmbeddedValkey]
) -> None:
    old_postgres, old_valkey = make_postgres(), make_valkey()
    old_postgres.start()
    old_valkey.start()
    new_postgres, new_valkey = make_postgres(), make_valkey()
    new_postgres.start()
    new_valkey.start()
    assert not old_postgres.running
    assert not old_valkey.running
    assert new_postgres.probe()
    assert new_valkey.probe()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children about their parent's death")
def test_servers_stop_when_their_launcher_is_killed(tmp_path: Path) -> None:
    program = f"""
import sys, pathlib
from chatai.engines import EmbeddedValkey
home = pathlib.Path({str(tmp_path)!r})
server = EmbeddedValkey(home / "valkey", home / "run", home / "valkey.log")
server.start()
print(server.pid, flush=True)
sys.stdin.read()
"""
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as launcher:
        assert launcher.stdout
        server = psutil.Process(int(launcher.stdout.readline()))
        launcher.kill()
        _, alive = psutil.wait_procs([server], timeout=10, callback=None)
    assert not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]


def test_the_owner_is_no_superuser_and_the_network_is_shut(postgres: EmbeddedPostgres) -> None:
    with psycopg.connect(postgres.owner_url()) as connection:
        assert connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone() == (False,)
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
        assert connection.execute("SELECT '[1,2]'::halfvec(2)::text").fetchone() == ("[1,2]",)
    url = postgres.owner_url().replace("chatai_owner:", "chatai_owner:wrong")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(url)


def test_a_foreign_folder_is_not_touched(make_postgres: Callable[..., EmbeddedPostgres], tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "photo.jpg").write_text("x")
    with pytest.raises(EngineError, match="no PostgreSQL data folder"):
        make_postgres().start()
    assert [path.name for path in (tmp_path / "postgres").iterdir()] == ["photo.jpg"]


def test_a_half_made_folder_of_a_killed_first_start_is_made_anew(
    make_postgres: Callable[..., EmbeddedPostgres], tmp_path: Path
) -> None:
    (tmp_path / ".postgres.new").mkdir()
    (tmp_path / ".postgres.new" / "PG_VERSION").write_text("18")
    server = make_postgres()
    server.start()
    assert server.probe()


def test_a_deep_folder_gets_short_sockets_of_its_own(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60) / "run"
    folder = socket_folder(deep)
    try:
        assert len(os.fsencode(folder)) <= LONGEST_SOCKET_FOLDER
        assert folder.parent.stat().st_mode & 0o077 == 0
        assert socket_folder(deep) == folder
        assert socket_folder(deep.with_name("other")) != folder
    finally:
        for made in (folder, socket_folder(deep.with_name("other"))):
            made.rmdir()
            made.parent.rmdir()


def test_sockets_outside_the_data_folder_go_with_the_last_server(
    make_postgres: Callable[..., EmbeddedPostgres], tmp_path: Path
) -> None:
    deep = tmp_path / ("d" * 80)
    postgres = make_postgres(deep)
    valkey = EmbeddedValkey(deep / "valkey", deep / "run", deep / "logs" / "valkey.log")
    postgres.start()
    valkey.start()
    folder = socket_folder(deep / "run")
    assert not folder.is_relative_to(tmp_path)
    valkey.stop(at_once=True)
    assert postgres.probe()
    postgres.stop()
    assert not folder.parent.exists()


def test_a_processor_without_avx2_is_told_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.setattr("sys.platform", "linux")
    old = tmp_path / "old"
    old.write_text("processor : 0\nflags\t\t: fpu sse sse2 avx\n")
    with pytest.raises(EngineError, match=r"AVX2.*DATABASE_URL"):
        check_cpu(old)
    new = tmp_path / "new"
    new.write_text("processor : 0\nflags\t\t: fpu sse sse2 avx avx2\n")
    check_cpu(new)


def test_valkey_keeps_what_it_holds(make_valkey: Callable[[], EmbeddedValkey]) -> None:
    def ask(server: EmbeddedValkey, line: bytes) -> bytes:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(server.url.removeprefix("unix://").partition("?")[0])
            connection.sendall(line + b"\r\n")
            return connection.recv(100)

    server = make_valkey()
    server.start()
    assert ask(server, b"SET word here") == b"+OK\r\n"
    assert server.pid
    os.kill(server.pid, signal.SIGTERM)
    psutil.wait_procs([psutil.Process(server.pid)], timeout=10)
    server.start()
    assert ask(server, b"GET word") == b"$4\r\nhere\r\n"
