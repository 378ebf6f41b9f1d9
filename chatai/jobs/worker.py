"""`chatai jobs`: works off the queue until it is told to stop, and takes up what killed workers left."""

from __future__ import annotations

import asyncio

import procrastinate
import structlog
from procrastinate.exceptions import ConnectorException

from chatai import wiring
from chatai.core import logging as logs
from chatai.core.database import Database, get_database
from chatai.core.heartbeat import beat
from chatai.core.settings import Settings, get_settings
from chatai.domains.knowledge import service as knowledge
from chatai.jobs.app import app

_log = structlog.get_logger(__name__)

CONCURRENCY = 4
HEARTBEAT_SECONDS = 3.0
STALLED_SECONDS = 12.0  # a worker that is silent for so long is dead
FINISHED_JOB_HOURS = 24
SHUTDOWN_SECONDS = 10.0


def main() -> None:
    """Entry of `chatai jobs`."""
    settings = get_settings()
    logs.configure("jobs", settings)
    wiring.bind(settings)
    asyncio.run(run(settings))


async def run(settings: Settings) -> None:
    """Works until SIGTERM or SIGINT; jobs that still run then have `SHUTDOWN_SECONDS` to end, and are kept."""
    database = get_database()
    with app.replace_connector(connector_for(database)):
        async with app.open_async():
            await rescue(app)
            background = [asyncio.create_task(_rescue_forever()), asyncio.create_task(beat(settings, "jobs"))]
            try:
                await knowledge.enqueue_all(database)  # there may be another embedding model, or another version
                await app.run_worker_async(
                    concurrency=CONCURRENCY,
                    fetch_job_polling_interval=2.0,
                    shutdown_graceful_timeout=SHUTDOWN_SECONDS,
                    update_heartbeat_interval=HEARTBEAT_SECONDS,
                    stalled_worker_timeout=STALLED_SECONDS,
                    delete_jobs="successful",
                )
            finally:
                for task in background:
                    task.cancel()
                await asyncio.gather(*background, return_exceptions=True)
    await wiring.close()
    await database.close()


def connector_for(database: Database) -> procrastinate.PsycopgConnector:
    """The queue's own small pool over the same database."""
    return procrastinate.PsycopgConnector(conninfo=database.url, min_size=1, max_size=4)


async def rescue(queue: procrastinate.App) -> int:
    """Puts the jobs of dead workers back into the queue. Returns how many."""
    count = 0
    for job in await queue.job_manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_SECONDS):
        await queue.job_manager.retry_job(job)
        _log.warning("took up a job that its worker left", task=job.task_name, job_id=job.id)
        count += 1
    return count


async def _rescue_forever() -> None:
    while True:
        await asyncio.sleep(STALLED_SECONDS / 2)
        try:
            await rescue(app)
            await app.job_manager.delete_old_jobs(nb_hours=FINISHED_JOB_HOURS, include_failed=False)
        except ConnectorException as error:
            _log.warning("could not look for stalled jobs", error=str(error))
