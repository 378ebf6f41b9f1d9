"""Tables of questions and answers, read for the page that imports them."""

from __future__ import annotations

import asyncio
from uuid import UUID

from fastapi import APIRouter, Request

from chatai.api import multipart
from chatai.api.auth import CurrentActor
from chatai.api.multipart import BadUpload, MultipartFiles
from chatai.core.database import get_database
from chatai.domains.knowledge import service as knowledge

router = APIRouter(prefix="/api/v1", tags=["answers"])


@router.post(
    "/assistants/{assistant_id}/answers/table",
    openapi_extra=multipart.described(),
)
async def read_table(request: Request, actor: CurrentActor, assistant_id: UUID) -> dict[str, str | int]:
    """Reads an XLSX or CSV file and answers with its rows as text (`table`, separated by tabs) and their number
    (`rows`). Nothing is imported, and the file is not kept."""
    async with get_database().workspace(actor.workspace_id, actor.account_id) as uow:
        await knowledge.require_adding(uow, actor, assistant_id)
    async for part in MultipartFiles(request):
        upload = await knowledge.receive(actor, part.name, part.pieces(), table=True)
        try:
            rows = await knowledge.read_table(upload.path, part.name)
        finally:
            await knowledge.discard(upload)
        return {"table": await asyncio.to_thread(knowledge.text_of, rows), "rows": len(rows)}
    raise BadUpload
