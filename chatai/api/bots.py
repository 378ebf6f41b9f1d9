"""Bots: what pages cannot send over their socket, which is a picture."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse

from chatai.api import multipart
from chatai.api.auth import CurrentActor
from chatai.api.multipart import BadUpload, FilePart, MultipartFiles
from chatai.core.database import get_database
from chatai.domains.channels import profile
from chatai.domains.channels.errors import PhotoRefused

router = APIRouter(prefix="/api/v1", tags=["bots"])

LARGEST = profile.LARGEST_PHOTO_MB * 1024 * 1024


@router.post(
    "/bots/{bot_id}/photo",
    openapi_extra=multipart.described(),
)
async def set_photo(request: Request, actor: CurrentActor, bot_id: UUID) -> JSONResponse:
    """Gives a bot the picture of a form: a JPEG of at least 160 × 160 pixels."""
    await profile.require_bot(get_database(), actor, bot_id)
    async for part in MultipartFiles(request):
        await profile.set_photo(get_database(), actor, bot_id, await _read(part))
        return JSONResponse({"status": "set"})
    raise BadUpload


async def _read(part: FilePart) -> bytes:
    """The whole file. Raises: PhotoRefused: as soon as it is larger than a picture may be."""
    data = bytearray()
    async for piece in part.pieces():
        data += piece
        if len(data) > LARGEST:
            raise PhotoRefused(limit_mb=profile.LARGEST_PHOTO_MB)
    return bytes(data)
