"""Uploads and originals over HTTP, through the real application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from uuid import UUID

import httpx2
import pytest

from chatai.api.app import create_api
from chatai.core.actor import Actor, Role
from chatai.core.database import Database, get_database
from chatai.core.settings import Settings, get_settings
from chatai.domains.accounts import repository as accounts_repository
from chatai.domains.accounts import service as accounts
from chatai.domains.accounts.schemas import SESSION_COOKIE, Client
from chatai.domains.knowledge import service as knowledge
from tests.knowledge.conftest import make_assistant, ports  # noqa: F401 - `ports` is a fixture used here too
from tests.knowledge.documents import make_docx, make_pdf

pytestmark = pytest.mark.usefixtures("ports")

Browser = Callable[[Actor], Awaitable[httpx2.AsyncClient]]


@pytest.fixture
async def browser(database: Database, settings: Settings) -> AsyncIterator[Browser]:
    """Makes a client with the session of a person."""
    get_database.cache_clear()
    opened: list[httpx2.AsyncClient] = []

    async def enter(actor: Actor | None) -> httpx2.AsyncClient:
        client = httpx2.AsyncClient(transport=httpx2.ASGITransport(create_api()), base_url="http://test")
        client.headers["sec-fetch-site"] = "same-origin"
        opened.append(client)
        if actor:
            assert actor.account_id
            async with database.person(actor.account_id) as uow:
                account = await accounts_repository.get(uow, actor.account_id)
                assert account
                log_in = await accounts.open_session(uow, account, Client("127.0.0.1", "test"), settings)
            client.cookies.set(SESSION_COOKIE, log_in.token)
        return client

    yield enter
    for client in opened:
        await client.aclose()
    await get_database().close()
    get_database.cache_clear()


@pytest.fixture
async def assistant_id(database: Database, actor: Actor) -> UUID:
    return await make_assistant(database, actor)


def uploads(settings: Settings) -> list[Path]:
    return [path for path in settings.uploads_dir.rglob("*") if path.is_file()]


async def test_several_files_at_once(
    browser: Browser, actor: Actor, assistant_id: UUID, database: Database, settings: Settings, tmp_path: Path
) -> None:
    client = await browser(actor)
    files = [
        ("file", ("Прайс «Весна».pdf", make_pdf(tmp_path / "a", ["Pumps"]).read_bytes(), "application/octet-stream")),
        ("file", ("virus.pdf", b"MZ\x90\x00" + bytes(500), "application/pdf")),
        ("file", ("Правила.docx", make_docx(tmp_path / "b").read_bytes(), "text/plain")),
        ("file", ("empty.txt", b"", "text/plain")),
    ]
    answer = await client.post(
        f"/api/v1/assistants/{assistant_id}/documents", files=files, headers={"accept-language": "ru"}
    )
    assert answer.status_code == 201
    body = answer.json()
    assert [document["name"] for document in body["documents"]] == ["Прайс «Весна».pdf", "Правила.docx"]
    assert {document["state"] for document in body["documents"]} == {"queued"}
    assert [(error["name"], error["code"]) for error in body["errors"]] == [
        ("virus.pdf", "unsupported_type"),
        ("empty.txt", "empty_file"),
    ]
    assert body["errors"][1]["message"] == "Файл пуст."
    assert len(uploads(settings)) == 2
    async with database.workspace(actor.workspace_id) as uow:
        assert len(await knowledge.list_documents(uow, actor, assistant_id)) == 2


@pytest.mark.parametrize(("language", "part"), [("ru", "больше 1 МБ"), ("en", "larger than 1 MB")])
async def test_too_large_is_refused_and_not_kept(
    browser: Browser,
    actor: Actor,
    assistant_id: UUID,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    language: str,
    part: str,
) -> None:
    monkeypatch.setenv("MAX_UPLOAD_MB", "1")
    get_settings.cache_clear()
    client = await browser(actor)
    answer = await client.post(
        f"/api/v1/assistants/{assistant_id}/documents",
        files={"file": ("big.txt", b"x" * 5_000_000)},
        headers={"accept-language": language},
    )
    assert answer.status_code == 413
    assert answer.json()["code"] == "document_too_large"
    assert part in answer.json()["message"]
    assert uploads(settings) == []
    answer = await client.post(
        f"/api/v1/assistants/{assistant_id}/documents",
        content=b"",
        headers={"content-length": str(50 * 1024 * 1024), "content-type": "multipart/form-data; boundary=x"},
    )
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (b"", "multipart/form-data; boundary=x"),
        (b"{}", "application/json"),
        (b"nonsense", "multipart/form-data; boundary=x"),
        (b"--x--\r\n", "multipart/form-data; boundary=x"),
        (
            b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nfield\r\n--x--\r\n',
            "multipart/form-data; boundary=x",
        ),
        (
            b'--x\r\nContent-Disposition: form-data; name="f"; filename="a.txt"\r\n\r\ncut',
            "multipart/form-data; boundary=x",
        ),
    ],
)
async def test_unreadable_forms_leave_nothing(
    browser: Browser, actor: Actor, assistant_id: UUID, settings: Settings, content: bytes, content_type: str
) -> None:
    client = await browser(actor)
    answer = await client.post(
        f"/api/v1/assistants/{assistant_id}/documents", content=content, headers={"content-type": content_type}
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_upload")
    assert uploads(settings) == []


async def test_nobody_users_and_strangers_may_not_add(
    browser: Browser, actor: Actor, stranger: Actor, new_actor: Callable[..., Awaitable[Actor]],
    assistant_id: UUID, settings: Settings
) -> None:  # fmt: skip
    user = await new_actor(workspace_id=actor.workspace_id, role=Role.USER)
    for who, status in ((None, 401), (stranger, 404), (user, 403)):
        client = await browser(who)
        answer = await client.post(f"/api/v1/assistants/{assistant_id}/documents", files={"file": ("a.txt", b"text")})
        assert answer.status_code == status
        assert set(answer.json()) == {"code", "message"}
    assert uploads(settings) == []


async def test_other_sites_may_not_add(browser: Browser, actor: Actor, assistant_id: UUID) -> None:
    client = await browser(actor)
    client.headers["sec-fetch-site"] = "cross-site"
    answer = await client.post(f"/api/v1/assistants/{assistant_id}/documents", files={"file": ("a.txt", b"text")})
    assert (answer.status_code, answer.json()["code"]) == (403, "cross_site_request")


async def test_originals(browser: Browser, actor: Actor, stranger: Actor, assistant_id: UUID, tmp_path: Path) -> None:
    client = await browser(actor)
    pdf = make_pdf(tmp_path / "a", ["Pumps"]).read_bytes()
    files = [("file", ('Прайс; "1".pdf', pdf)), ("file", ("page.txt", b"<script>alert(1)</script>"))]
    documents = (await client.post(f"/api/v1/assistants/{assistant_id}/documents", files=files)).json()["documents"]
    shown = await client.get(f"/api/v1/documents/{documents[0]['id']}/original")
    assert shown.content == pdf
    assert shown.headers["content-type"] == "application/pdf"
    assert shown.headers["content-disposition"].startswith("inline; filename*=UTF-8''%D0%9F%D1%80")
    assert shown.headers["x-content-type-options"] == "nosniff"
    assert shown.headers["content-security-policy"].startswith("default-src 'none'")
    part = await client.get(f"/api/v1/documents/{documents[0]['id']}/original", headers={"range": "bytes=0-4"})
    assert (part.status_code, part.content) == (206, b"%PDF-")
    saved = await client.get(f"/api/v1/documents/{documents[1]['id']}/original")
    assert saved.headers["content-disposition"] == "attachment; filename*=UTF-8''page.txt"
    assert "sandbox" in saved.headers["content-security-policy"]
    assert saved.headers["content-type"].startswith("text/plain")
    for who, status in ((None, 401), (stranger, 404)):
        other = await browser(who)
        assert (await other.get(f"/api/v1/documents/{documents[0]['id']}/original")).status_code == status


async def test_same_file_sent_twice_at_once(
    browser: Browser, actor: Actor, assistant_id: UUID, settings: Settings
) -> None:
    client = await browser(actor)
    url = f"/api/v1/assistants/{assistant_id}/documents"
    answers = await asyncio.gather(*(client.post(url, files={"file": ("a.txt", b"the same")}) for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409]
    assert len(uploads(settings)) == 1
