"""Asks a ClamAV daemon whether a file is malware, by its INSTREAM command (clamd's manual page, "COMMANDS")."""

from __future__ import annotations

import asyncio
import struct
from pathlib import Path

import structlog

from chatai.core.patience import within
from chatai.domains.knowledge.errors import ScannerAway

log = structlog.get_logger(__name__)

PIECE_BYTES = 128 * 1024
CONNECT_SECONDS = 5
MAX_ANSWER_BYTES = 4096
_LENGTH = struct.Struct(">I")


class ClamdScanner:
    """Streams files to clamd.

    Args:
        address: `unix:/path/of/the.socket` or `host:port`.
        timeout_seconds: Longest time for one file.
    """

    def __init__(self, address: str, *, timeout_seconds: float = 120) -> None:
        self._address = address
        self._timeout_seconds = timeout_seconds

    async def scan(self, path: Path) -> str:
        """The name of what was found, or "".

        Raises:
            ScannerAway: The file was not looked at to its end, so nothing is known of it.
        """
        try:
            async with asyncio.timeout(self._timeout_seconds):
                answer = await self._ask(path)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            log.warning("the malware scanner does not answer", error=type(error).__name__)
            raise ScannerAway from error
        verdict = answer.removeprefix("stream: ")
        if verdict == "OK":
            return ""
        if verdict.endswith(" FOUND"):
            return verdict.removesuffix(" FOUND")[:200]
        # "INSTREAM size limit exceeded" and other errors: not looked at is not clean.
        log.warning("the malware scanner refuses", answer=verdict[:200])
        raise ScannerAway

    async def _ask(self, path: Path) -> str:
        reader, writer = await within(CONNECT_SECONDS, self._connect())
        file = await asyncio.to_thread(path.open, "rb")
        try:
            writer.write(b"zINSTREAM\0")
            while piece := await asyncio.to_thread(file.read, PIECE_BYTES):
                writer.write(_LENGTH.pack(len(piece)) + piece)
                await writer.drain()
            writer.write(_LENGTH.pack(0))
            await writer.drain()
            return (await reader.readuntil(b"\0"))[:-1].decode("utf-8", "replace").strip()
        finally:
            file.close()
            writer.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._address.startswith("unix:"):
            return await asyncio.open_unix_connection(self._address.removeprefix("unix:"), limit=MAX_ANSWER_BYTES)
        host, _, port = self._address.rpartition(":")
        return await asyncio.open_connection(host.strip("[]"), int(port), limit=MAX_ANSWER_BYTES)
