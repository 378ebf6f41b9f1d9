"""The fake endpoint's ear: what a recording says, and what the real one would complain of."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from aiohttp import BodyPartReader, web

LARGEST = 25 * 1024 * 1024
FORMATS = {".flac", ".m4a", ".mp3", ".mp4", ".mpeg", ".mpga", ".oga", ".ogg", ".wav", ".webm"}
MARK = b"SAY:"


@dataclass
class Recording:
    """A request of the transcriptions API: its fields, and the file."""

    fields: dict[str, Any] = field(default_factory=dict)
    name: str = ""
    data: bytes = b""

    def complaint(self) -> str:
        """Why it is refused, in the real endpoint's words; empty: it is not."""
        if not self.name:
            return "you must provide a file"
        if PurePath(self.name).suffix not in FORMATS:
            return f"Unrecognized file format. Supported formats: {sorted(kind[1:] for kind in FORMATS)}"
        if len(self.data) > LARGEST:
            return f"Maximum content size limit ({LARGEST}) exceeded ({len(self.data)} bytes read)"
        return "" if self.data else "Audio file is too short. Minimum audio length is 0.1 seconds."

    def said(self) -> str:
        """What comes after `SAY:` in the file; nothing where there is no such mark: a silent recording."""
        return self.data.partition(MARK)[2].decode(errors="replace")


async def read_recording(request: web.Request) -> Recording:
    """The parts of a multipart request."""
    recording = Recording()
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader) or not part.name:
            continue
        if part.filename is not None:
            recording.name, recording.data = part.filename, bytes(await part.read())
            recording.fields[part.name] = f"{part.filename} ({len(recording.data)} bytes)"
        else:
            recording.fields[part.name] = await part.text()
    return recording
