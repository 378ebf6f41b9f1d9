"""Errors as the API gives them: `{"code": …, "message": …}` in the caller's language."""

from __future__ import annotations

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from chatai.api.auth import request_language
from chatai.core.errors import ChatAIError, Invalid, NotFound, TooLarge

_log = structlog.get_logger(__name__)


def error_response(request: Request, error: ChatAIError) -> JSONResponse:
    return JSONResponse({"code": error.code, "message": error.sentence(request_language(request))}, error.status)


def install(api: FastAPI) -> None:
    """Renders every error of the API."""

    async def expected(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, ChatAIError)  # noqa: S101 - registered for that class alone
        return error_response(request, error)

    async def invalid(request: Request, error: Exception) -> JSONResponse:
        return error_response(request, Invalid())

    async def http(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for that class alone
        known = {404: NotFound, 413: TooLarge}.get(error.status_code)
        if known:
            return error_response(request, known())
        return JSONResponse({"code": "http", "message": str(error.detail)}, error.status_code, error.headers)

    async def unexpected(request: Request, error: Exception) -> JSONResponse:
        _log.error("request failed", path=request.url.path, exc_info=error)
        return error_response(request, ChatAIError())

    api.add_exception_handler(ChatAIError, expected)
    api.add_exception_handler(RequestValidationError, invalid)
    api.add_exception_handler(HTTPException, http)
    api.add_exception_handler(Exception, unexpected)
