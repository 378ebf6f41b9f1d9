"""Stored files, for bots and for the page. They are someone's data and are never shown as pages of ours."""

from __future__ import annotations

from urllib.parse import quote

from aiohttp import web

from bots.sandbox.control import SANDBOX, refuse, the_bot
from bots.sandbox.errors import ApiError, unauthorized
from bots.sandbox.state import StoredFile

SHOWN = {"image/png", "image/jpeg", "image/gif", "image/webp", "audio/ogg", "audio/mpeg", "audio/mp4", "audio/webm"}

routes = web.RouteTableDef()


def file_response(stored: StoredFile) -> web.Response:
    headers = {
        "Content-Type": stored.media_type if stored.media_type in SHOWN else "application/octet-stream",
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(stored.name)}",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "X-Content-Type-Options": "nosniff",
    }
    return web.Response(body=stored.data, headers=headers)


@routes.get("/file/bot{token}/{path:.+}")
async def handle_file(request: web.Request) -> web.Response:
    """The Bot API's download."""
    sandbox = request.app[SANDBOX]
    if sandbox.bot_of(request.match_info["token"]) is None:
        return web.json_response(unauthorized().body(), status=401)
    path = request.match_info["path"]
    stored = next((stored for stored in sandbox.files.values() if stored.path == path), None)
    if stored is None:
        return web.json_response(ApiError(404, "Not Found").body(), status=404)
    return file_response(stored)


@routes.get("/sandbox/bots/{bot}/files/{file_id}")
async def show_file(request: web.Request) -> web.Response:
    """The same for the page, which has a file's identifier and no token."""
    the_bot(request)
    stored = request.app[SANDBOX].files.get(request.match_info["file_id"])
    if stored is None:
        raise refuse(404, "the file is not kept any more")
    return file_response(stored)
