"""What the manager tells those who watch it: health, Prometheus' metrics, and how each bot fares."""

from __future__ import annotations

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from bots.leases import Leases
from bots.metrics import Metrics
from chatai.core.database import Database, DatabaseAway
from chatai.core.metrics_access import may_read_metrics
from chatai.core.settings import Settings
from chatai.domains.channels import load


class Pages:
    """The routes. `/health` is for everybody, metrics for those who may read them."""

    def __init__(self, database: Database, settings: Settings, metrics: Metrics, leases: Leases) -> None:
        self._database = database
        self._settings = settings
        self._metrics = metrics
        self._leases = leases

    async def health(self, _request: web.Request) -> web.Response:
        """200 while the database answers, without which no update can be taken in; else 503."""
        if self._leases.away or not self._leases.valid:
            return web.json_response({"status": "unhealthy", "database": "away"}, status=503)
        return web.json_response({"status": "healthy"})

    async def metrics(self, request: web.Request) -> web.Response:
        """In Prometheus' format."""
        if not self._may_read(request):
            return web.Response(status=403)
        body = generate_latest(self._metrics.registry)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def load(self, request: web.Request) -> web.Response:
        """Each bot of the installation, as every process tells it."""
        if not self._may_read(request):
            return web.Response(status=403)
        try:
            async with self._database.system() as uow:
                found = await load.report(uow, self._settings)
        except DatabaseAway:
            return web.Response(status=503)
        return web.Response(text=load.as_text(found), content_type="application/json")

    def _may_read(self, request: web.Request) -> bool:
        return may_read_metrics(self._settings, request.remote or "", request.headers)
