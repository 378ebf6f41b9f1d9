"""`/metrics/telegram-rate-limit`: how the bots fare, for whoever may read metrics."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from chatai.core.database import get_database
from chatai.core.errors import Forbidden
from chatai.core.metrics_access import may_read_metrics
from chatai.core.settings import get_settings
from chatai.domains.channels import load

router = APIRouter(tags=["operations"])


class MetricsClosed(Forbidden):
    code = "metrics_closed"
    en = "Metrics are read with the token of METRICS_TOKEN or, where no proxy stands in front, from this machine."
    ru = "Метрики читают с токеном из METRICS_TOKEN, а если перед ChatAI нет прокси, то и с этой машины."


@router.get("/metrics/telegram-rate-limit")
async def get_bots_load(request: Request) -> Response:
    """Live bots, messages a second, limits, queues and memory. The same on every process."""
    settings = get_settings()
    if not may_read_metrics(settings, request.client.host if request.client else "", request.headers):
        raise MetricsClosed
    async with get_database().system() as uow:
        found = await load.report(uow, settings)
    return Response(load.as_text(found), media_type="application/json")
