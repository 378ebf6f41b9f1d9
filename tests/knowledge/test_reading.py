"""Files that are sent along with a question."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from chatai.domains.knowledge import service
from chatai.domains.knowledge.errors import (
    DamagedFile,
    EmptyFile,
    MalwareFound,
    NoText,
    PasswordProtected,
    ScannerAway,
    UnsupportedType,
)
from chatai.domains.knowledge.ports import malware_scanner
from tests.knowledge.documents import make_docx, make_pdf

pytestmark = pytest.mark.usefixtures("ports")


async def test_what_documents_may_be_is_read(tmp_path: Path) -> None:
    pdf = make_pdf(tmp_path / "a", ["First page", "Second page"])
    assert await service.read_text(pdf, "a.pdf", 1000) == "First page\n\nSecond page"
    assert await service.read_text(make_docx(tmp_path / "b"), "b.docx", 100_000)
    (tmp_path / "c").write_text("Слова")
    assert await service.read_text(tmp_path / "c", "c.txt", 1000) == "Слова"


async def test_no_more_is_read_than_wanted(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("word " * 100_000)
    text = await service.read_text(tmp_path / "a", "a.txt", 200)
    assert len(text) <= 200
    assert text.endswith("[…]")


@pytest.mark.parametrize(
    ("content", "name", "error"),
    [
        (b"", "a.txt", EmptyFile),
        (b" \n ", "a.txt", NoText),
        (b"MZ\x90", "a.txt", UnsupportedType),
        (b"%PDF-1.7 and then nothing", "a.pdf", DamagedFile),
    ],
)
async def test_what_cannot_be_read_says_why(tmp_path: Path, content: bytes, name: str, error: type[Exception]) -> None:
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(error):
        await service.read_text(tmp_path / "a", name, 1000)


async def test_a_password_is_not_guessed(tmp_path: Path) -> None:
    with pytest.raises(PasswordProtected):
        await service.read_text(make_pdf(tmp_path / "a", ["secret"], password="x"), "a.pdf", 1000)


class Scanner:
    """Finds what it is told to find."""

    def __init__(self, finding: str | None) -> None:
        self.finding = finding

    async def scan(self, path: Path) -> str:
        if self.finding is None:
            raise ScannerAway
        return self.finding


@pytest.fixture
def scanned() -> Iterator[None]:
    yield
    malware_scanner.bind(None)


@pytest.mark.parametrize(("finding", "error"), [("Eicar", MalwareFound), (None, ScannerAway)])
@pytest.mark.usefixtures("scanned")
async def test_what_is_not_clean_is_not_opened(tmp_path: Path, finding: str | None, error: type[Exception]) -> None:
    (tmp_path / "a").write_text("words")
    malware_scanner.bind(Scanner(""))
    assert await service.read_text(tmp_path / "a", "a.txt", 1000) == "words"
    malware_scanner.bind(Scanner(finding))
    with pytest.raises(error):
        await service.read_text(tmp_path / "a", "a.txt", 1000)
