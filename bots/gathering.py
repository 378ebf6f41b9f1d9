"""What comes with a question, in the answer process: files are read, pictures looked at, recordings written down."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bots import incoming
from bots.texts import text
from chatai.core.errors import ChatAIError
from chatai.core.i18n import Language
from chatai.domains.conversations import service as conversations
from chatai.domains.knowledge import service as knowledge
from chatai.domains.knowledge.errors import MalwareFound, ScannerAway, UnsupportedType
from chatai.domains.models.ports import transcriber
from chatai.domains.models.schemas import Picture, Usage

MAX_PICTURE_BYTES = 5 * 1024 * 1024
MAX_PICTURES = 4
LONGEST_WORDS = 6_000
"""Of what is asked; more becomes something attached."""

_PICTURES = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png", b"GIF8": "image/gif"}


@dataclass
class Gathered:
    """A question with all that came along. `notes`: why something is left out, in the person's language."""

    words: str
    attached: list[tuple[str, str]]
    pictures: list[Picture] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    usages: list[Usage] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to answer."""
        return not (self.words or self.pictures or any(said for _, said in self.attached))

    def attachment(self) -> tuple[str, str]:
        """Name and text of all that is attached, as one."""
        if len(self.attached) == 1:
            return self.attached[0]
        names = ", ".join(name for name, _ in self.attached)
        return names, "\n\n".join(f"{name}:\n{said}" if said else name for name, said in self.attached)


async def gather(
    words: str, attached: Sequence[Sequence[str]], files: Sequence[dict[str, Any]], folder: Path, language: Language
) -> Gathered:
    """Reads the files, one after the other. What cannot be read becomes a note; the rest is answered all the same."""
    gathered = Gathered(words, [(str(name), str(said)) for name, said in attached])
    for file in files:
        path = None
        try:
            path = incoming.find(folder, file["file"])
            await _take(gathered, file, path, language)
        except MalwareFound:
            gathered.notes.append(text("malware", language, name=file["name"]))
        except ScannerAway:
            gathered.notes.append(text("unscanned", language, name=file["name"]))
        except ChatAIError as error:
            gathered.notes.append(_named(file, error.sentence(language)))
        except FileNotFoundError:  # its fetcher is gone, and will ask again
            gathered.notes.append(text("file_gone", language, name=file["name"]))
        finally:
            if path is not None:
                with suppress(OSError):
                    path.unlink(missing_ok=True)
    gathered.words = "\n".join(filter(None, [words, *gathered.heard]))
    if len(gathered.words) > LONGEST_WORDS:
        gathered.attached.append((text("voice" if gathered.heard else "quoted", language), gathered.words))
        gathered.words = gathered.words[:LONGEST_WORDS].rsplit(" ", 1)[0] + " […]"
    return gathered


async def _take(gathered: Gathered, file: dict[str, Any], path: Path, language: Language) -> None:
    name = str(file["name"])
    match file["kind"]:
        case "document":
            said = await knowledge.read_text(path, name, conversations.MAX_ATTACHMENT)
            gathered.attached.append((name, said))
        case "picture":
            gathered.pictures.append(_picture(path, len(gathered.pictures)))
            gathered.attached.append((name, ""))
        case "sound":
            await _listen(gathered, file, path, language)


async def _listen(gathered: Gathered, file: dict[str, Any], path: Path, language: Language) -> None:
    started = time.monotonic()
    transcript = await transcriber().transcribe(path, f"recording{file['suffix']}")
    gathered.usages.append(
        Usage(
            purpose="transcription",
            model=transcript.model,
            prompt_tokens=transcript.prompt_tokens,
            completion_tokens=transcript.completion_tokens,
            duration_ms=int((time.monotonic() - started) * 1000),
        )
    )
    if transcript.text:
        gathered.heard.append(transcript.text)
    else:
        gathered.notes.append(text("silent", language))


def _picture(path: Path, so_far: int) -> Picture:
    """Raises: UnsupportedType: none that models see, too large, or one too many."""
    if so_far == MAX_PICTURES or path.stat().st_size > MAX_PICTURE_BYTES:
        raise PictureTooLarge(limit=MAX_PICTURE_BYTES // 1024**2, number=MAX_PICTURES)
    data = path.read_bytes()
    media_type = next((kind for mark, kind in _PICTURES.items() if data.startswith(mark)), None)
    if media_type is None and data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        media_type = "image/webp"
    if media_type is None:
        raise UnknownPicture
    return Picture(media_type, data)


class PictureTooLarge(UnsupportedType):
    code = "picture_too_large"
    en = "I look at up to {number} pictures of at most {limit} MB each; this one is left out."
    ru = "Я смотрю до {number} картинок не больше {limit} МБ каждая; эта пропущена."


class UnknownPicture(UnsupportedType):
    code = "unknown_picture"
    en = "This is no picture that I can look at: I know JPEG, PNG, GIF and WebP."
    ru = "Такую картинку я посмотреть не могу: я знаю JPEG, PNG, GIF и WebP."


def _named(file: dict[str, Any], sentence: str) -> str:
    """A sentence about one of the files says which."""
    return f"{file['name']}: {sentence}" if file["kind"] != "sound" else sentence
