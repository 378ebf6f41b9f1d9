"""What keeps `chatai up` from starting is said in one clear line with the cure, and nothing is left running."""

from __future__ import annotations

import fcntl
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fakes.openai import ThreadedFakeOpenAI
from tests.integrations.local_embeddings.folders import make_folder

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def run_chatai(tmp_path: Path, free_port: Callable[[], int]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the command line with a data folder of its own. Arguments: command, then settings by name."""

    def run(*command: str, **values: object) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "PYTHONPATH": str(ROOT),
            "DATA_DIR": str(tmp_path / "data"),
            "PORT": str(free_port()),
            "BOTS_PORT": str(free_port()),
        }
        environment |= {name: str(value) for name, value in values.items()}
        return subprocess.run(
            [sys.executable, "-m", "chatai.cli", *command],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.mark.parametrize("name", ["PORT", "BOTS_PORT"])
def test_a_taken_port(run_chatai: Run, name: str, tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        result = run_chatai("up", **{name: port})
    assert result.returncode == 1
    assert result.stderr.startswith(f"{name}: port {port} is taken by process {os.getpid()} ")
    assert f"for example {name}=" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert result.stdout == ""
    assert not (tmp_path / "data" / "postgres").exists()


def test_one_port_for_two_things(run_chatai: Run) -> None:
    result = run_chatai("up", PORT=4321, BOTS_PORT=4321)
    assert (result.returncode, result.stderr) == (
        1,
        "PORT and BOTS_PORT are both 4321. Set one of them to another port.\n",
    )


def test_an_address_of_another_machine(run_chatai: Run) -> None:
    result = run_chatai("up", HOST="192.0.2.1")
    assert result.returncode == 1
    assert result.stderr == "HOST: 192.0.2.1 is no address of this machine. Set HOST to 127.0.0.1 or 0.0.0.0.\n"


def test_a_folder_that_cannot_be_written(run_chatai: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = run_chatai("up", DATA_DIR=tmp_path / "file" / "data")
    assert result.returncode == 1
    assert result.stderr.startswith(f"DATA_DIR: can't write to {tmp_path}/file/data (Not a directory).")
    assert len(result.stderr.splitlines()) == 1


def test_a_second_start_on_the_same_folder(run_chatai: Run, tmp_path: Path) -> None:
    (tmp_path / "data" / "run").mkdir(parents=True)
    with (tmp_path / "data" / "run" / "chatai.pid").open("w") as file:
        file.write("4242\nhttp://localhost:8000\n")
        file.flush()
        fcntl.flock(file, fcntl.LOCK_EX)
        result = run_chatai("up")
    assert result.returncode == 1
    assert result.stderr == (
        f"ChatAI is already running on {tmp_path}/data: process 4242, http://localhost:8000. "
        "Stop it with Ctrl-C there or with `kill 4242`.\n"
    )


def test_a_wrong_setting(run_chatai: Run) -> None:
    result = run_chatai("up", PORT="eighty", SECRET_KEY="short")
    assert result.returncode == 2
    heading, port, key = result.stderr.splitlines()
    assert heading.startswith("Wrong settings")
    assert port.startswith("PORT: ")
    assert key.startswith("SECRET_KEY: must have at least 32 characters; make one with")


def test_a_database_that_is_away(run_chatai: Run) -> None:
    result = run_chatai("up", DATABASE_URL="postgresql://me:word@127.0.0.1:1/chatai", REDIS_URL="redis://127.0.0.1:1")
    assert result.returncode == 1
    assert "The database at DATABASE_URL can't be reached" in result.stderr
    assert "Traceback" not in result.stderr + result.stdout
    assert "word" not in result.stderr + result.stdout


def test_a_single_process_without_a_database(run_chatai: Run) -> None:
    for command in ("web", "bots", "jobs"):
        result = run_chatai(command)
        assert result.returncode == 1
        assert result.stderr.startswith("DATABASE_URL is not set.")


def test_migrate_brings_its_own_server_for_a_moment(run_chatai: Run, tmp_path: Path) -> None:
    result = run_chatai("migrate")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("The database is at revision ")
    assert not (tmp_path / "data" / "postgres" / "postmaster.pid").exists()


def test_help_and_version_need_no_settings(run_chatai: Run) -> None:
    assert "Start everything" in run_chatai("--help", PORT="wrong").stdout


def test_doctor_names_what_is_wrong_and_the_cure(run_chatai: Run) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        result = run_chatai("doctor", BOTS_PORT=taken, TELEGRAM_API_URL="http://127.0.0.1:1")
    lines = {line.split()[1]: line for line in result.stdout.splitlines()}
    assert result.returncode == 1
    assert lines["settings"].startswith("ok")
    assert lines["folder"].startswith("ok")
    assert lines["PORT"].startswith("ok")
    assert lines["BOTS_PORT"].startswith("!!")
    assert "set BOTS_PORT to a free port" in lines["BOTS_PORT"]
    assert "check TELEGRAM_API_URL" in lines["telegram"]
    assert lines["bots"].startswith("ok")
    assert "Landlock" in lines["bots"]
    assert lines["memory"].startswith("ok")
    assert "limited by " in lines["memory"]
    assert lines["metrics"].endswith("open to this machine only")


def test_doctor_says_who_may_read_metrics(run_chatai: Run) -> None:
    def told(**environment: str) -> str:
        lines = run_chatai("doctor", TELEGRAM_API_URL="http://127.0.0.1:1", **environment).stdout.splitlines()
        return next(line for line in lines if line.split()[1] == "metrics")

    assert "need METRICS_TOKEN" in told(PUBLIC_URL="https://chat.example.com")
    assert told(TRUSTED_PROXY_HOPS="1", METRICS_TOKEN="a-token").endswith("has METRICS_TOKEN")


def test_doctor_asks_a_model_that_needs_no_key(run_chatai: Run) -> None:
    with ThreadedFakeOpenAI() as model:
        result = run_chatai("doctor", OPENAI_BASE_URL=model.url, TELEGRAM_API_URL=model.root)
    lines = {line.split()[1]: line for line in result.stdout.splitlines()}
    assert lines["model"].startswith("ok")
    assert f"{model.url} answers (200)" in lines["model"]


@pytest.mark.parametrize("command", ["up", "jobs"])
def test_a_local_embedding_model_that_is_not_there(run_chatai: Run, command: str, tmp_path: Path) -> None:
    result = run_chatai(command, EMBEDDING_MODEL=f"local:{tmp_path}/nowhere", DATABASE_URL="postgresql://x/y")
    assert result.returncode == 2
    assert f"EMBEDDING_MODEL: there is no folder {tmp_path}/nowhere" in result.stderr
    assert "name a folder with model.onnx and tokenizer.json" in result.stderr
    assert "Traceback" not in result.stderr


def test_the_doctor_loads_the_local_embedding_model(run_chatai: Run, tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "small")
    found = run_chatai("doctor", EMBEDDING_MODEL=f"local:{folder}").stdout
    assert re.search(r"^ok  embeddings +local:small#\w{8}, 32 dimensions, on this machine$", found, re.MULTILINE)
    (folder / "model.onnx").write_bytes(b"broken")
    found = run_chatai("doctor", EMBEDDING_MODEL=f"local:{folder}").stdout
    assert re.search(
        r"^!!  embeddings +local:\S+ can't be loaded; .* → export or install it anew$", found, re.MULTILINE
    )
