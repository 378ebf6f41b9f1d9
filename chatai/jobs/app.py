"""The queue: jobs in PostgreSQL, enqueued by `UnitOfWork.enqueue` in the transaction that makes them necessary.

Tasks are thin: they open a unit of work and call a service. They may run twice (a killed worker's job is taken up
again), so each service makes sure that twice does no harm.
"""

from __future__ import annotations

import procrastinate

TASK_MODULES = [
    "chatai.jobs.bots",
    "chatai.jobs.cleanup",
    "chatai.jobs.index",
    "chatai.jobs.ingest",
    "chatai.jobs.mail",
]

# The worker puts a connector over the process's database in its place.
app = procrastinate.App(connector=procrastinate.PsycopgConnector(), import_paths=TASK_MODULES)
