"""Files that people send: which are taken, and how they come from Telegram into the incoming folder."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from aiogram.exceptions import TelegramBadRequest
from aiogram.methods import GetFile

from bots import incoming
from bots.delivery import Later, Place
from bots.http import HttpError, Refused
from bots.job import BotConfig, Job
from bots.texts import text
from chatai.core.i18n import Language

FileKind = Literal["document", "picture", "sound"]

MAX_FILES = 10
"""As many as an album holds."""
TRIES = 3
DOWNLOAD_SECONDS = 120
FREE_BYTES = 512 * 1024 * 1024
"""So much is left free on the disk."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A file in a message. `size` in bytes and `seconds` as Telegram tells them, 0 where it does not."""

    file_id: str
    kind: FileKind
    name: str
    size: int
    seconds: int = 0


@dataclass(slots=True)
class Arrived:
    """Files that are in the incoming folder, as the answer process is told of them; and why others are not."""

    files: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class _Gone(Exception):
    """Telegram does not give the file out (any more)."""


class _TooLarge(Exception):
    """There is more of it than a bot may fetch."""


def admit(files: Sequence[Sent], bot: BotConfig, language: Language) -> tuple[list[Sent], list[str]]:
    """The files that can be taken, and why the others can't, each reason once."""
    taken, notes = [], []
    for sent in files:
        note = _objection(sent, bot, language)
        if note is None:
            taken.append(sent)
        elif note not in notes:
            notes.append(note)
    return taken, notes


def _objection(sent: Sent, bot: BotConfig, language: Language) -> str | None:
    if sent.kind == "picture" and not bot.sees:
        return text("no_pictures", language)
    if sent.kind == "sound" and not bot.hears_seconds:
        return text("no_voice", language)
    if sent.kind == "sound" and sent.seconds > bot.hears_seconds:
        return text("voice_too_long", language, minutes=bot.hears_seconds // 60)
    return _too_large(sent, language) if sent.size > incoming.MAX_BYTES else None


def _too_large(sent: Sent, language: Language) -> str:
    return text("too_large", language, name=sent.name, limit=incoming.MAX_BYTES // 1024**2)


@asynccontextmanager
async def fetched(files: Sequence[Sent], place: Place, job: Job, language: Language) -> AsyncIterator[Arrived]:
    """The files, fetched for as long as the block lasts. Raises as `Delivery.call`."""
    arrived, paths = Arrived(), []
    try:
        if files:
            _require_room(Path(job.bot.incoming))
            async with job.delivery.typing(place):
                for sent in files:
                    path = incoming.new_file(Path(job.bot.incoming))
                    paths.append(path)
                    try:
                        suffix = await _fetch(sent, path, place, job)
                    except _TooLarge:
                        arrived.notes.append(_too_large(sent, language))
                    except _Gone:
                        arrived.notes.append(text("file_gone", language, name=sent.name))
                    else:
                        arrived.files.append(
                            {"file": path.name, "kind": sent.kind, "name": sent.name, "suffix": suffix}
                        )
        yield arrived
    finally:
        for path in paths:
            path.unlink(missing_ok=True)


def _require_room(folder: Path) -> None:
    """Other people's files must not fill the disk that the database is on. Raises: Later."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if shutil.disk_usage(folder).free < FREE_BYTES:
        raise Later("there is no room left for a file that came in")


async def _fetch(sent: Sent, path: Path, place: Place, job: Job) -> str:
    """Brings the file; the ending of its name at Telegram, which tells the format of a recording."""
    try:
        found = await job.delivery.call(GetFile(file_id=sent.file_id), place.chat_id)
    except TelegramBadRequest as error:
        raise (_TooLarge if "too big" in error.message else _Gone) from None
    if not found.file_path:
        raise _Gone
    for tried in range(1, TRIES + 1):
        try:
            async with asyncio.timeout(DOWNLOAD_SECONDS):
                await _stream(found.file_path, path, job)
        except Refused as error:
            if error.status in {400, 403, 404}:
                raise _Gone from None
            await _pause(tried)
        except (HttpError, TimeoutError):
            await _pause(tried)
        else:
            break
    return Path(found.file_path).suffix


async def _pause(tried: int) -> None:
    if tried == TRIES:
        raise Later("a file could not be fetched from Telegram")
    await asyncio.sleep(tried * 0.5)


async def _stream(file_path: str, path: Path, job: Job) -> None:
    """Piece by piece, so that the process need not hold the file."""
    taken = 0
    async with aclosing(job.delivery.download(file_path)) as pieces:
        with path.open("wb") as file:
            async for piece in pieces:
                taken += len(piece)
                if taken > incoming.MAX_BYTES:
                    raise _TooLarge
                file.write(piece)
