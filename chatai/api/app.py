"""The API beside the pages."""

from __future__ import annotations

import importlib.metadata

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from chatai.api import answers, bots, csrf, documents, errors, health, metrics, session
from chatai.core.settings import get_settings


def create_api() -> FastAPI:
    """The routes under `/api`, and `/health`. Reflex mounts its pages beside them."""
    settings = get_settings()
    api = FastAPI(
        title="ChatAI",
        version=_version(),
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
    )
    for module in (answers, bots, csrf, documents, health, session, metrics):
        api.include_router(module.router)
    errors.install(api)
    api.add_middleware(csrf.CsrfMiddleware, settings=settings)
    if settings.cors_origins:
        api.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.cors_origins),
            allow_credentials="*" not in settings.cors_origins,
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=["content-type", "authorization", csrf.TOKEN_HEADER],
        )
    return api


def _version() -> str:
    try:
        return importlib.metadata.version("chatai")
    except importlib.metadata.PackageNotFoundError:
        return "0"
