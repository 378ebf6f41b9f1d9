"""Documents: uploads as they stream in, and the originals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import FileResponse, JSONResponse

from chatai.api import multipart
from chatai.api.auth import CurrentActor, request_language
from chatai.api.multipart import BadUpload, FilePart, MultipartFiles
from chatai.core.actor import Actor
from chatai.core.database import get_database
from chatai.core.errors import ChatAIError
from chatai.core.i18n import Language
from chatai.core.settings import get_settings
from chatai.domains.knowledge import service as knowledge
from chatai.domains.knowledge.errors import DocumentTooLarge
from chatai.domains.knowledge.names import display_name
from chatai.domains.knowledge.schemas import DocumentView

router = APIRouter(prefix="/api/v1", tags=["documents"])

MAX_FILES = 20  # of one request
FORM_OVERHEAD_BYTES = 64 * 1024  # boundaries and headers around the files
PDF = "application/pdf"
# What a document may do in a browser: a PDF is shown by the browser's own viewer, everything else is only saved.
PDF_POLICY = "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'; img-src 'self' data:"
OTHER_POLICY = "default-src 'none'; sandbox"


@router.post(
    "/assistants/{assistant_id}/documents",
    status_code=201,
    openapi_extra=multipart.described(several=True),
)
async def add_documents(request: Request, actor: CurrentActor, assistant_id: UUID) -> JSONResponse:
    """Adds the files of a form to an assistant's knowledge; they are read afterwards.

    Answers 201 with `documents` (those added) and `errors` (those refused: `name`, `code`, `message`). If none was
    added, the status, `code` and `message` are those of the first refusal.
    """
    database, language = get_database(), request_language(request)
    async with database.workspace(actor.workspace_id, actor.account_id) as uow:
        await knowledge.require_adding(uow, actor, assistant_id)
    _refuse_early(request)
    added: list[DocumentView] = []
    refused: list[tuple[str, ChatAIError]] = []
    async for part in MultipartFiles(request):
        try:
            if len(added) + len(refused) >= MAX_FILES:
                raise BadUpload
            added.append(await _add(actor, assistant_id, part))
        except ChatAIError as error:
            refused.append((display_name(part.name), error))
            async for _ in part.pieces():  # what is left of it goes nowhere, so that the next file can be read
                continue
    if not added and not refused:
        raise BadUpload
    return _result(added, refused, language)


def _refuse_early(request: Request) -> None:
    """Refuses by the declared length what could not pass in any way. Raises: DocumentTooLarge."""
    limit_mb = get_settings().max_upload_mb
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit_mb * 1024 * 1024 * MAX_FILES + FORM_OVERHEAD_BYTES:
        raise DocumentTooLarge(limit_mb=limit_mb)


async def _add(actor: Actor, assistant_id: UUID, part: FilePart) -> DocumentView:
    upload = await knowledge.receive(actor, part.name, part.pieces())
    try:
        async with get_database().workspace(actor.workspace_id, actor.account_id) as uow:
            return await knowledge.add_document(uow, actor, assistant_id, upload)
    except BaseException:
        await knowledge.discard(upload)
        raise


def _result(added: list[DocumentView], refused: list[tuple[str, ChatAIError]], language: Language) -> JSONResponse:
    errors = [{"name": name, "code": error.code, "message": error.sentence(language)} for name, error in refused]
    body: dict[str, Any] = {"documents": [_shown(document) for document in added], "errors": errors}
    if added:
        return JSONResponse(body, 201)
    _, first = refused[0]
    return JSONResponse({**body, "code": first.code, "message": first.sentence(language)}, first.status)


def _shown(document: DocumentView) -> Mapping[str, Any]:
    values = asdict(document)
    return {
        name: values[name] if isinstance(values[name], str | int) else str(values[name])
        for name in ("id", "assistant_id", "name", "media_type", "size_bytes", "state", "created_at")
    }


@router.get("/documents/{document_id}/original", response_class=FileResponse)
async def original(actor: CurrentActor, document_id: UUID) -> FileResponse:
    """The uploaded file. A PDF opens in the browser (`#page=N` works), everything else is saved."""
    async with get_database().workspace(actor.workspace_id, actor.account_id) as uow:
        file = await knowledge.open_original(uow, actor, document_id)
    is_pdf = file.media_type == PDF
    kind = "inline" if is_pdf else "attachment"
    return FileResponse(
        file.path,
        media_type=file.media_type,
        headers={
            "Content-Disposition": f"{kind}; filename*=UTF-8''{quote(file.name, safe='')}",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": PDF_POLICY if is_pdf else OTHER_POLICY,
            "Cross-Origin-Resource-Policy": "same-origin",
            "Cache-Control": "private, no-cache",
        },
    )
