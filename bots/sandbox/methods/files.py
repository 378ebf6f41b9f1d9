"""Files: sending them, and telling where a file can be fetched."""

from __future__ import annotations

import struct

from bots.sandbox.entities import CAPTION_LIMIT, utf16_length
from bots.sandbox.errors import bad_request
from bots.sandbox.methods.messages import send
from bots.sandbox.methods.registry import Call, method
from bots.sandbox.parameters import Upload
from bots.sandbox.state import Sandbox, StoredFile, Wire

LARGEST_DOWNLOAD = 20 * 1024 * 1024
FOLDERS = {
    "document": "documents",
    "photo": "photos",
    "voice": "voice",
    "audio": "music",
    "video_note": "video_notes",
}


@method("getFile")
async def get_file(call: Call) -> Wire:
    file_id = call.parameters.text("file_id")
    if not file_id:
        raise bad_request("file_id not specified")
    stored = call.sandbox.files.get(file_id)
    if stored is None:
        raise bad_request("wrong file_id or the file is temporarily unavailable")
    if len(stored.data) > LARGEST_DOWNLOAD:
        raise bad_request("file is too big")
    return {**_reference(stored), "file_path": stored.path}


def _reference(stored: StoredFile) -> Wire:
    return {"file_id": stored.file_id, "file_unique_id": stored.unique_id, "file_size": len(stored.data)}


def attachment(sandbox: Sandbox, kind: str, upload: Upload) -> Wire:
    """The part of a message that holds a file, for one of `FOLDERS`."""
    return described(kind, sandbox.keep_file(upload.name, upload.media_type, upload.data, FOLDERS[kind]))


def described(kind: str, stored: StoredFile) -> Wire:
    reference = _reference(stored)
    if kind == "photo":
        width, height = picture_size(stored.data)
        return {"photo": [{**reference, "width": width, "height": height}]}
    if kind == "voice":
        # 4 kB a second is what Telegram's own voice messages take.
        return {"voice": {**reference, "duration": max(1, len(stored.data) // 4000), "mime_type": "audio/ogg"}}
    if kind == "audio":
        seconds = max(1, len(stored.data) // 16_000)
        about = {"duration": seconds, "file_name": stored.name, "mime_type": stored.media_type}
        return {"audio": {**reference, **about}}
    if kind == "video_note":
        return {"video_note": {**reference, "duration": max(1, len(stored.data) // 100_000), "length": 240}}
    return {"document": {**reference, "file_name": stored.name, "mime_type": stored.media_type}}


def picture_size(data: bytes) -> tuple[int, int]:
    """Width and height of a PNG, GIF or JPEG; 640 by 480 for what is none of them."""
    if data.startswith(b"\x89PNG\r\n\x1a\n") and len(data) >= 24:
        width, height = struct.unpack(">II", data[16:24])
        return int(width), int(height)
    if data[:6] in (b"GIF87a", b"GIF89a") and len(data) >= 10:
        width, height = struct.unpack("<HH", data[6:10])
        return int(width), int(height)
    place = 2
    while data.startswith(b"\xff\xd8") and place + 9 < len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", data[place + 5 : place + 9])
            return int(width), int(height)
        place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    return 640, 480


def _send_file(call: Call, kind: str) -> Wire:
    chat = call.chat()
    upload = call.parameters.upload(kind)
    if upload is not None:
        if not upload.data:
            raise bad_request("file must be non-empty")
        content = attachment(call.sandbox, kind, upload)
    else:
        value = call.parameters.text(kind)
        if not value:
            raise bad_request(f"there is no {kind} in the request")
        stored = call.sandbox.files.get(value)
        if stored is None:
            wrong = "failed to get HTTP URL content" if "://" in value else "wrong remote file identifier specified"
            raise bad_request(wrong)
        content = described(kind, stored)
    caption = call.parameters.formatted("caption", "caption_entities")
    if utf16_length(caption.text) > CAPTION_LIMIT:
        raise bad_request("message caption is too long")
    if caption.text:
        content["caption"] = caption.text
        if caption.entities:
            content["caption_entities"] = caption.entities
    return send(call, chat, content)


@method("sendDocument")
async def send_document(call: Call) -> Wire:
    return _send_file(call, "document")


@method("sendPhoto")
async def send_photo(call: Call) -> Wire:
    return _send_file(call, "photo")


@method("sendVoice")
async def send_voice(call: Call) -> Wire:
    return _send_file(call, "voice")
