"""When a job that failed is tried again."""

from __future__ import annotations

import procrastinate
from procrastinate.jobs import Job


class StepBack(procrastinate.RetryStrategy):
    """A job that waits for its next try stands behind those of its lock that have failed less often.

    The queue takes up no job while another one of its lock and priority, or of a higher one, waits before it: one that
    waits for an hour would keep all that came after it waiting as long.
    """

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> procrastinate.RetryDecision | None:
        decision = super().get_retry_decision(exception=exception, job=job)
        if decision is not None:
            decision.priority = job.priority - 1
        return decision
