"""Tables of questions and answers, read over HTTP."""

from __future__ import annotations

import csv
import threading
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from chatai.core.actor import Actor, Role
from chatai.core.settings import Settings
from chatai.domains.knowledge import service as knowledge
from chatai.domains.knowledge.errors import TableTooLong
from chatai.domains.knowledge.ports import malware_scanner, table_reader
from chatai.integrations.reader.process import ChildReader
from chatai.web.assistants.answers_import import LARGEST_BYTES, rows_of
from tests.api.test_documents import Browser, assistant_id, browser, uploads
from tests.knowledge.conftest import ports
from tests.knowledge.documents import make_docx, make_xlsx, xlsx_of

__all__ = ["assistant_id", "browser", "ports"]

pytestmark = pytest.mark.usefixtures("ports", "tables")

ROWS = (("Вопрос", "Ответ"), ("Где вы?", 'Москва, "Тверская";\nдвор'), ("a\tb", ""))


@pytest.fixture
def tables() -> None:
    table_reader.bind(ChildReader(timeout_seconds=60, memory_mb=1024))


class Finder:
    async def scan(self, path: Path) -> str:
        return "Eicar"


async def test_a_table_comes_back_as_text_and_nothing_is_kept(
    browser: Browser, actor: Actor, settings: Settings, assistant_id: UUID, tmp_path: Path
) -> None:
    client, address = await browser(actor), f"/api/v1/assistants/{assistant_id}/answers/table"
    path = xlsx_of(tmp_path / "Вопросы.xlsx", *ROWS)
    answer = await client.post(address, files={"file": (path.name, path.read_bytes())})
    assert answer.status_code == 200, answer.text
    assert answer.json()["rows"] == 3
    assert knowledge.table_of(answer.json()["table"].encode()) == [[*ROWS[0]], [*ROWS[1]], ["a b", ""]]
    csv = "Вопрос;Ответ\nГде вы?;Тут\n".encode("cp1251")
    answer = await client.post(address, files={"file": ("a.CSV", csv)})
    assert knowledge.table_of(answer.json()["table"].encode()) == [["Вопрос", "Ответ"], ["Где вы?", "Тут"]]
    assert uploads(settings) == []


async def test_a_table_is_read_and_written_beside_the_event_loop(
    browser: Browser, actor: Actor, assistant_id: UUID, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where: dict[str, set[int]] = {"reader": set(), "writer": set()}

    def noting(kind: str) -> Any:
        real = getattr(csv, kind)

        def noted(*args: Any, **options: Any) -> Any:
            where[kind].add(threading.get_ident())
            return real(*args, **options)

        return noted

    monkeypatch.setattr(csv, "reader", noting("reader"))
    monkeypatch.setattr(csv, "writer", noting("writer"))
    client, address = await browser(actor), f"/api/v1/assistants/{assistant_id}/answers/table"
    answer = await client.post(address, files={"file": ("a.csv", "Вопрос;Ответ\nГде вы?;Тут\n".encode())})
    assert answer.json()["rows"] == 2
    path = xlsx_of(tmp_path / "a.xlsx", *ROWS)
    assert (await client.post(address, files={"file": (path.name, path.read_bytes())})).json()["rows"] == 3
    assert await rows_of("a;b\n") == [["a", "b"]]  # as the page reads it
    assert where["reader"]
    assert where["writer"]
    assert threading.get_ident() not in where["reader"] | where["writer"]


async def test_what_is_refused_is_said_in_words(
    browser: Browser, actor: Actor, settings: Settings, assistant_id: UUID, tmp_path: Path
) -> None:
    client, address = await browser(actor), f"/api/v1/assistants/{assistant_id}/answers/table"
    client.cookies.set("chatai_language", "ru")

    async def refusal(name: str, data: bytes) -> tuple[int, str]:
        answer = await client.post(address, files={"file": (name, data)})
        assert answer.json()["message"]
        return answer.status_code, answer.json()["code"]

    bomb = make_xlsx(tmp_path / "bomb", "<row/>" * 2_000_000)
    assert await refusal("a.xlsx", bomb.read_bytes()) == (422, "archive_bomb")
    assert await refusal("a.xlsx", make_docx(tmp_path / "docx").read_bytes()) == (422, "unsupported_table")
    assert await refusal("a.xlsx", b"PK\x03\x04") == (422, "damaged_file")
    assert await refusal("a.xlsx", bytes(11 * 1024 * 1024)) == (413, "table_too_large")
    assert await refusal("a.xlsx", b"") == (422, "empty_file")
    malware_scanner.bind(Finder())
    try:
        assert await refusal("a.csv", b"a,b") == (422, "malware_found")
    finally:
        malware_scanner.bind(None)
    assert (await client.post(address, data={"file": "no file"})).status_code == 422
    assert uploads(settings) == []


async def test_the_page_cuts_no_table(settings: Settings) -> None:
    line = "Где вы?;Тут\n"
    whole = line * (LARGEST_BYTES // len(line.encode()))
    assert len(await rows_of(whole)) == 5_002  # one more than is taken, so that the number is refused further on
    with pytest.raises(TableTooLong, match="700 KB"):
        await rows_of(whole + line)


async def test_a_user_reads_no_tables(
    browser: Browser, actor: Actor, new_actor: object, settings: Settings, assistant_id: UUID
) -> None:
    user = await new_actor(workspace_id=actor.workspace_id, role=Role.USER)  # type: ignore[operator]
    client = await browser(user)
    answer = await client.post(f"/api/v1/assistants/{assistant_id}/answers/table", files={"file": ("a.csv", b"a,b")})
    assert answer.status_code == 403
