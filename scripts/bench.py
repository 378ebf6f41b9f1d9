"""Measures ChatAI on this machine: starts, memory, a document's way to ready, the way to the first streamed character.

    make bench                                  # with a document of its own making
    make bench ARGS="--pdf big.pdf --json out.json"

It starts `chatai up` on a fresh data folder beside whatever runs, with a local model server that speaks OpenAI's
protocol, and measures as a person would: over HTTP and through the service that every channel uses.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
from openai import AsyncOpenAI

from bots.answers import NAME as ANSWERS
from chatai.core.database import Database
from chatai.core.settings import Settings
from tests.fakes.openai import ThreadedFakeOpenAI

ROOT = Path(__file__).resolve().parent.parent
PASSWORD = "a password for measuring only"  # noqa: S105 - of an installation that lives for a minute
ROUNDS = 20


class Installation:
    """One `chatai up` on a folder of its own."""

    def __init__(self, folder: Path, model_url: str) -> None:
        self.port, bots_port = _free_port(), _free_port()
        self.base = f"http://localhost:{self.port}"
        kept = {name: value for name, value in os.environ.items() if name.lower() not in Settings.model_fields}
        self.environment = {
            **kept,
            "PYTHONPATH": str(ROOT),
            "DATA_DIR": str(folder / "data"),
            "PORT": str(self.port),
            "BOTS_PORT": str(bots_port),
            "OPENAI_BASE_URL": model_url,
            "OPENAI_API_KEY": "sk-bench",
        }
        self._folder = folder
        self.setup_token = ""

    @contextlib.contextmanager
    def running(self) -> Iterator[float]:
        """Starts it; yields the seconds from the command to all processes healthy, stops it at the end."""
        began = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", "chatai.cli", "up"],
            env=self.environment,
            cwd=self._folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            assert process.stdout  # noqa: S101 - a pipe was asked for
            lines = []
            for line in process.stdout:
                lines.append(line)
                if found := re.search(r"setup=(\S+)", line):
                    self.setup_token = found[1]
                if "Stop it with Ctrl-C" in line:
                    break
            else:
                raise SystemExit("chatai up did not start:\n" + "".join(lines[-30:]))
            self.pid = process.pid
            yield time.monotonic() - began
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=60)


def memory(root: int) -> dict[str, float]:
    """MB of each process (proportional: shared pages are split among those that share them), by name."""
    found: dict[str, float] = {}
    parent = psutil.Process(root)
    for process in (parent, *parent.children(recursive=True)):
        with contextlib.suppress(psutil.Error):
            name = _name(process, parent)
            full = process.memory_full_info()
            found[name] = found.get(name, 0) + getattr(full, "pss", full.uss) / 1024**2
    return found


def _name(process: psutil.Process, parent: psutil.Process) -> str:
    command = " ".join(process.cmdline())
    if process.pid == parent.pid:
        return "launcher"
    if process.name() == ANSWERS:
        return "answers"
    for mark in ("granian", "valkey", "zygote", "postgres"):
        if mark in command:
            return {"granian": "web"}.get(mark, mark)
    return process.cmdline()[-1] if "chatai.cli" in command else "others"


async def log_in(client: httpx.AsyncClient, installation: Installation) -> None:
    """Registers the first admin by the link's token; the cookie stays with the client."""
    form = {"name": "Bench", "email": "bench@example.org", "password": PASSWORD, "setup": installation.setup_token}
    answer = await client.post("/api/auth/register", data=form, headers={"Origin": installation.base})
    if answer.status_code != 303 or "error" in answer.headers["location"]:
        raise SystemExit(f"could not register: {answer.status_code} {answer.headers.get('location')}")


@contextlib.asynccontextmanager
async def database_of(installation: Installation) -> AsyncIterator[Database]:
    from chatai.launcher.engines import embedded_postgres
    from chatai.migrate import application_url

    settings = Settings(_env_file=None, data_dir=Path(installation.environment["DATA_DIR"]))
    server = embedded_postgres(settings)
    server.attach()
    database = Database(application_url(settings, server.owner_url()), pool_size=2)
    yield database
    await database.close()


async def measure(installation: Installation, pdf: Path, model_url: str) -> dict[str, Any]:
    """What is measured while it runs."""
    from chatai import wiring
    from chatai.core import logging
    from chatai.domains.accounts import service as accounts
    from chatai.domains.assistants import service as assistants
    from chatai.domains.assistants.schemas import AssistantDraft
    from chatai.domains.knowledge import service as knowledge

    figures: dict[str, Any] = {}
    settings = Settings(_env_file=None, openai_base_url=model_url, openai_api_key="sk-bench", log_level="WARNING")
    logging.configure("bench", settings, files=False)
    os.environ.update(SECRET_KEY=(Path(installation.environment["DATA_DIR"]) / "secrets/secret_key").read_text())
    async with (
        httpx.AsyncClient(base_url=installation.base, timeout=120) as client,
        database_of(installation) as database,
    ):
        await log_in(client, installation)
        actor = await accounts.authenticate(database, client.cookies["chatai_session"])
        assert actor is not None  # noqa: S101 - logged in just now
        async with database.workspace(actor.workspace_id, actor.account_id) as uow:
            assistant = await assistants.create_assistant(uow, actor, AssistantDraft(name="Bench"))
        content = await asyncio.to_thread(pdf.read_bytes)
        began = time.monotonic()
        headers = {"Origin": installation.base}
        files = {"file": (pdf.name, content, "application/pdf")}
        answer = await client.post(f"/api/v1/assistants/{assistant.id}/documents", files=files, headers=headers)
        answer.raise_for_status()
        document = answer.json()["documents"][0]["id"]
        figures["upload_s"] = time.monotonic() - began
        while True:
            async with database.workspace(actor.workspace_id, actor.account_id) as uow:
                view = await knowledge.get_document(uow, actor, document)
            if view.state in {"ready", "failed"}:
                break
            await asyncio.sleep(0.05)
        if view.state == "failed":
            raise SystemExit(f"the document was refused: {view.error_code}")
        figures |= {"ready_s": time.monotonic() - began, "pages": view.page_count, "chunks": view.chunk_count}
        wiring.bind(settings)
        figures["first_character_ms"] = await through_chatai(database, actor, assistant.id)
        figures["first_character_direct_ms"] = await direct(model_url)
        await wiring.close()
    return figures


async def through_chatai(database: Database, actor: Any, assistant_id: Any) -> float:
    """Median milliseconds from the question to the first piece of the answer's text."""
    from chatai.domains.conversations import service as conversations
    from chatai.domains.conversations.schemas import Question, TextDelta

    times: list[float] = []
    for number in range(ROUNDS):
        async with database.workspace(actor.workspace_id, actor.account_id) as uow:
            talk = await conversations.start_conversation(uow, actor, assistant_id, language="en")
        began = time.perf_counter()
        async for event in conversations.answer(database, actor, talk.id, Question(f"What is a topology? {number}")):
            if isinstance(event, TextDelta) and len(times) == number:
                times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)


async def direct(model_url: str) -> float:
    """The same call made directly: median milliseconds to the first piece of text."""
    times: list[float] = []
    async with AsyncOpenAI(base_url=model_url, api_key="sk-bench") as client:
        for number in range(ROUNDS):
            began = time.perf_counter()
            stream = await client.chat.completions.create(
                model="gpt-4.1-mini",
                messages=[{"role": "user", "content": f"What is a topology? {number}"}],
                stream=True,
            )
            async for piece in stream:
                if piece.choices and piece.choices[0].delta.content and len(times) == number:
                    times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)


def own_pdf(folder: Path) -> Path:
    """A document of a hundred pages, for machines that have none at hand."""
    from reportlab.pdfgen.canvas import Canvas

    path = folder / "bench.pdf"
    canvas = Canvas(str(path))
    for page in range(1, 101):
        for line in range(40):
            canvas.drawString(
                50, 800 - line * 18, f"Page {page}, line {line}: a topology is a set of open sets, {page * line}."
            )
        canvas.showPage()
    canvas.save()
    return path


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure ChatAI on this machine.")
    parser.add_argument("--pdf", type=Path, help="document to upload")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, ThreadedFakeOpenAI() as model:
        folder = Path(name)
        installation = Installation(folder, model.url)
        figures: dict[str, Any] = {}
        with installation.running() as seconds:
            figures["first_start_s"] = seconds
        with installation.running() as seconds:
            figures["second_start_s"] = seconds
            time.sleep(5)  # caches and timers settle, then this is what idles
            figures["memory_mb"] = memory(installation.pid)
            figures["memory_total_mb"] = sum(figures["memory_mb"].values())
            figures |= asyncio.run(measure(installation, arguments.pdf or own_pdf(folder), model.url))
    show(figures)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2))


def show(figures: dict[str, Any]) -> None:
    print(f"first start (pages built before or not, empty data)  {figures['first_start_s']:8.1f} s")
    print(f"second start                                         {figures['second_start_s']:8.1f} s")
    for name, size in sorted(figures["memory_mb"].items()):
        print(f"idle memory, {name:<39} {size:8.0f} MB")
    print(f"idle memory in total                                 {figures['memory_total_mb']:8.0f} MB")
    pages = f"{figures['pages']} pages, {figures['chunks']} chunks"
    print(f"upload to ready ({pages:<34}) {figures['ready_s']:8.1f} s")
    print(f"question to first character                          {figures['first_character_ms']:8.1f} ms")
    print(f"the same call made directly                          {figures['first_character_direct_ms']:8.1f} ms")


if __name__ == "__main__":
    main()
