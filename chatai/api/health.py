"""`/health`: for the launcher, load balancers and people."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import JSONResponse

from chatai.core.database import get_database
from chatai.core.settings import get_settings
from chatai.domains.operations import health

router = APIRouter(tags=["operations"])


@router.get("/health")
async def get_health() -> JSONResponse:
    """The state of every component. 503 only where nothing works: without the database."""
    report = await health.check(get_database(), get_settings())
    return JSONResponse(report.as_json(), 503 if report.status == "unhealthy" else 200)
