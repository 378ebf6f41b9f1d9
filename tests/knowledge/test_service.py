"""Adding, seeing and deleting documents."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import text

from chatai.core.actor import Actor, Role
from chatai.core.database import Database
from chatai.core.errors import Forbidden, NotFound
from chatai.core.settings import Settings, get_settings
from chatai.domains.assistants import service as assistants
from chatai.domains.knowledge import service
from chatai.domains.knowledge.errors import (
    DocumentNotFound,
    DocumentTooLarge,
    DuplicateDocument,
    EmptyFile,
    FileMissing,
    PageNotFound,
    PasswordProtected,
    UnsupportedType,
)
from tests.knowledge.conftest import Add, in_pieces, make_assistant
from tests.knowledge.documents import make_docx, make_pdf, shared_data

pytestmark = pytest.mark.usefixtures("ports")


def files(settings: Settings) -> list[Path]:
    return [path for path in settings.uploads_dir.rglob("*") if path.is_file()]


async def jobs(database: Database) -> list[dict[str, str]]:
    async with database.system() as uow:
        statement = text("SELECT args FROM procrastinate_jobs WHERE task_name = 'ingest_document' ORDER BY id")
        return list((await uow.session.execute(statement)).scalars())


async def test_added_document_is_queued_with_its_file(
    database: Database, actor: Actor, assistant_id: UUID, add: Add, settings: Settings, tmp_path: Path
) -> None:
    document = await add("../Прайс\u202e.docx", make_docx(tmp_path / "a"))
    assert (document.name, document.state, document.progress) == ("Прайс.docx", "queued", 0.0)
    assert document.media_type.endswith("wordprocessingml.document")
    (path,) = files(settings)
    assert path.parent == settings.uploads_dir / str(actor.account_id) / "documents"
    assert path.read_bytes() == (tmp_path / "a").read_bytes()
    assert await jobs(database) == [{"workspace_id": str(actor.workspace_id), "document_id": str(document.id)}]
    async with database.workspace(actor.workspace_id) as uow:
        assert await service.list_documents(uow, actor, assistant_id) == [document]
        original = await service.open_original(uow, actor, document.id)
    assert (original.path, original.name) == (path, "Прайс.docx")


async def test_same_content_twice_names_the_first(add: Add, settings: Settings, database: Database) -> None:
    await add("Первый.txt", "Одно и то же")
    with pytest.raises(DuplicateDocument) as caught:
        await add("Второй.txt", "Одно и то же")
    assert "«Первый.txt»" in caught.value.sentence("ru")
    assert len(files(settings)) == 1
    assert len(await jobs(database)) == 1


async def test_same_content_at_the_same_moment_is_one_document(add: Add, settings: Settings) -> None:
    results = await asyncio.gather(*(add(f"{n}.txt", "Текст") for n in range(4)), return_exceptions=True)
    assert sum(isinstance(result, DuplicateDocument) for result in results) == 3
    assert len(files(settings)) == 1


async def test_same_content_is_fine_for_another_assistant(add: Add, database: Database, actor: Actor) -> None:
    other = await make_assistant(database, actor, "Other")
    await add("a.txt", "Текст")
    await add("a.txt", "Текст", to=other)


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [("a.txt", b"", EmptyFile), ("a.pdf", b"MZ\x90\x00" + bytes(100), UnsupportedType)],
)
async def test_refused_upload_leaves_nothing(
    add: Add, settings: Settings, database: Database, name: str, content: bytes, error: type[Exception]
) -> None:
    with pytest.raises(error):
        await add(name, content)
    assert files(settings) == []
    assert await jobs(database) == []


async def test_too_large_is_refused_as_it_comes(
    actor: Actor, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAX_UPLOAD_MB", "1")
    get_settings.cache_clear()
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        while True:
            taken += 65_536
            yield bytes(65_536)

    with pytest.raises(DocumentTooLarge) as caught:
        await service.receive(actor, "big.txt", endless())
    assert taken <= 1024 * 1024 + 65_536
    assert "1 МБ" in caught.value.sentence("ru")
    with pytest.raises(DocumentTooLarge):
        await service.receive(actor, "big.txt", in_pieces(b"x"), declared_bytes=500 * 1024 * 1024)
    assert files(settings) == []


async def test_cancelled_upload_leaves_nothing(actor: Actor, settings: Settings) -> None:
    begun = asyncio.Event()

    async def stalled() -> AsyncIterator[bytes]:
        yield b"begin"
        begun.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(service.receive(actor, "a.txt", stalled()))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert files(settings) == []


async def test_roles(add: Add, actor: Actor, new_actor: object, database: Database) -> None:
    assert callable(new_actor)
    user = await new_actor(workspace_id=actor.workspace_id, role=Role.USER)
    operator = await new_actor(workspace_id=actor.workspace_id, role=Role.OPERATOR)
    with pytest.raises(Forbidden):
        await add("a.txt", "Текст", by=user)
    document = await add("a.txt", "Текст", by=operator)
    async with database.workspace(actor.workspace_id, user.account_id) as uow:
        assert (await service.get_document(uow, user, document.id)).id == document.id
        with pytest.raises(Forbidden):
            await service.delete_document(uow, user, document.id)
        with pytest.raises(Forbidden):
            await service.retry_document(uow, user, document.id)


async def test_strangers_see_and_change_nothing(
    ready: Add, add: Add, database: Database, actor: Actor, stranger: Actor, assistant_id: UUID, settings: Settings
) -> None:
    document = await ready("a.txt", "Гарантия два года")
    with pytest.raises(NotFound):
        await add("b.txt", "Чужое", by=stranger)
    async with database.workspace(stranger.workspace_id, stranger.account_id) as uow:
        assert await service.list_documents(uow, stranger, assistant_id) == []
        assert await service.search(uow, assistant_id, "гарантия") == []
        for call in (
            service.get_document(uow, stranger, document.id),
            service.get_page(uow, stranger, document.id, 1),
            service.open_original(uow, stranger, document.id),
            service.delete_document(uow, stranger, document.id),
            service.retry_document(uow, stranger, document.id),
        ):
            with pytest.raises(DocumentNotFound):
                await call
    await service.ingest(database, stranger.workspace_id, document.id)
    async with database.workspace(actor.workspace_id) as uow:
        assert await service.get_document(uow, actor, document.id) == document
    assert len(files(settings)) == 1


async def test_pages_are_shown(ready: Add, database: Database, actor: Actor, tmp_path: Path) -> None:
    document = await ready("a.pdf", make_pdf(tmp_path / "a", ["Page one text", "", "Page three text"]))
    assert (document.page_count, document.unreadable_pages, document.state) == (3, 1, "ready")
    async with database.workspace(actor.workspace_id) as uow:
        page = await service.get_page(uow, actor, document.id, 3)
        assert (page.text, page.number, page.page_count, page.document_name) == ("Page three text", 3, 3, "a.pdf")
        assert (await service.get_page(uow, actor, document.id, 2)).unreadable
        for number in (0, 4):
            with pytest.raises(PageNotFound):
                await service.get_page(uow, actor, document.id, number)


async def test_delete_takes_file_pages_and_chunks_when_committed(
    ready: Add, database: Database, actor: Actor, settings: Settings
) -> None:
    document = await ready("a.txt", "Текст о насосе")

    async def delete(*, fail: bool) -> None:
        async with database.workspace(actor.workspace_id, actor.account_id) as uow:
            await service.delete_document(uow, actor, document.id)
            assert len(files(settings)) == 1
            if fail:
                raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await delete(fail=True)
    assert len(files(settings)) == 1
    await delete(fail=False)
    assert files(settings) == []
    async with database.system() as uow:
        for table in ("document", "document_page", "chunk"):
            assert (await uow.session.execute(text(f"SELECT count(*) FROM {table}"))).scalar() == 0


async def test_deleting_the_assistant_takes_its_files(
    ready: Add, database: Database, actor: Actor, assistant_id: UUID, settings: Settings
) -> None:
    await ready("a.txt", "Текст")
    async with database.workspace(actor.workspace_id, actor.account_id) as uow:
        await assistants.delete_assistant(uow, actor, assistant_id)
    assert files(settings) == []


async def test_missing_original_has_words(add: Add, database: Database, actor: Actor, settings: Settings) -> None:
    document = await add("a.txt", "Текст")
    files(settings)[0].unlink()
    await service.ingest(database, actor.workspace_id, document.id)
    async with database.workspace(actor.workspace_id) as uow:
        with pytest.raises(FileMissing):
            await service.open_original(uow, actor, document.id)
        assert (await service.get_document(uow, actor, document.id)).error_code == "file_missing"


async def test_unreadable_document_fails_with_its_reason(ready: Add) -> None:
    document = await ready("scan.pdf", shared_data("pdf") / "imagemagick-images.pdf")
    assert (document.state, document.error_code) == ("failed", "no_text")
    assert "скан" in document.error("ru")
    document = await ready("locked.pdf", shared_data("pdf") / "libreoffice-writer-password.pdf")
    assert document.error("en") == PasswordProtected.en
