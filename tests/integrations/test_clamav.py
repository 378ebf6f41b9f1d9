"""A real clamd, with a signature of our own, so that nothing dangerous is needed."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from chatai.domains.knowledge.errors import ScannerAway
from chatai.integrations.clamav import ClamdScanner
from tests.waiting import eventually

BAD = b"words that our test's signature calls malware"


@pytest.fixture(scope="module")
def clamd() -> Iterator[str]:
    """The daemon's address."""
    program = shutil.which("clamd")
    if program is None:
        pytest.skip("clamd is not installed")
    with TemporaryDirectory(prefix="clamd") as name:
        folder = Path(name)
        (folder / "signatures").mkdir()
        (folder / "signatures" / "own.ndb").write_text(f"Own.Test:0:*:{BAD.hex()}\n")
        (folder / "clamd.conf").write_text(
            f"LocalSocket {folder}/socket\nDatabaseDirectory {folder}/signatures\nForeground yes\n"
            f"StreamMaxLength 1M\nUser {pwd.getpwuid(os.getuid()).pw_name}\n"
        )
        with (folder / "log").open("w+") as log:
            process = subprocess.Popen([program, "-c", str(folder / "clamd.conf")], stdout=log, stderr=log)
            try:
                asyncio.run(eventually((folder / "socket").exists, patience=60))
                yield f"unix:{folder}/socket"
            finally:
                process.terminate()
                process.wait()


async def scan(address: str, folder: Path, content: bytes) -> str:
    path = folder / "file"
    path.write_bytes(content)
    return await ClamdScanner(address).scan(path)


async def test_what_the_daemon_knows_is_found(clamd: str, tmp_path: Path) -> None:
    assert await scan(clamd, tmp_path, b"An ordinary document.") == ""
    assert await scan(clamd, tmp_path, b"x" * 300_000 + BAD) == "Own.Test.UNOFFICIAL"


async def test_what_was_not_looked_at_to_its_end_is_not_clean(clamd: str, tmp_path: Path) -> None:
    with pytest.raises(ScannerAway):  # more than the daemon takes
        await scan(clamd, tmp_path, b"x" * 2_000_000)


@pytest.mark.parametrize("address", ["unix:/nowhere/at/all", "127.0.0.1:1"])
async def test_nobody_there_means_away(address: str, tmp_path: Path) -> None:
    with pytest.raises(ScannerAway):
        await scan(address, tmp_path, b"text")


async def test_a_daemon_that_hangs_up_is_away(tmp_path: Path) -> None:
    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_unix_server(hang_up, tmp_path / "socket")
    async with server:
        with pytest.raises(ScannerAway):
            await scan(f"unix:{tmp_path}/socket", tmp_path, b"x" * 1_000_000)
