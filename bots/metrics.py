"""What Prometheus is told of this bot manager. All bots together: one by one they stand in `channels.load`.

No label carries a bot, a tenant or a text, so a thousand bots cost as much as one.
"""

from __future__ import annotations

import time
from collections import Counter as Tally
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

_WAITS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600)
_COMMITS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5)
_SIZES = (1, 2, 5, 10, 25, 50, 100, 250, 500)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """How the manager is at this moment. Memory is in kilobytes."""

    states: Tally[str] = field(default_factory=Tally)
    """Bots by state: sleeping, running, starting, …, and those that were given up."""
    live: int = 0
    queued: int = 0
    in_work: int = 0
    oldest_seconds: float = 0.0
    answers_under_way: int = 0
    memory_sum_kb: int = 0
    memory_max_kb: int = 0
    redis_away: bool = False
    leases_held: int = 0
    leases_valid: bool = False
    lease_lapses: int = 0
    managers: int = 0
    events_dropped: int = 0
    posts_refused: int = 0


class Metrics:
    """Counters that the manager's parts move, and a registry to show them."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()

        def counter(name: str, about: str, *labels: str) -> Counter:
            return Counter(f"chatai_bots_{name}", about, labels, registry=registry)

        def histogram(name: str, about: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
            return Histogram(f"chatai_bots_{name}", about, labels, buckets=buckets, registry=registry)

        self.received = counter("updates_received", "Updates that were stored.", "way")
        self.duplicates = counter("updates_duplicate", "Updates that came again and were known.")
        self.settled = counter("updates_settled", "Updates that are through.", "outcome")
        for outcome in ("done", "failed", "set_aside"):
            self.settled.labels(outcome)
        self.retried = counter("updates_retried", "Tries that failed and will be repeated.")
        self.sends = counter("sends", "Calls to Telegram that count for its limits.")
        self.repeated = counter("sends_repeated", "Messages that may have come twice: the open window.")
        self.throttled = counter("throttled", "Times that Telegram answered 429.")
        self.restarts = counter("process_restarts", "Processes of bots that ended without being told to.", "why")
        self.waits = histogram("update_wait_seconds", "From an update's arrival to its end.", _WAITS)
        self.answers = histogram("update_work_seconds", "From the bot's process to an update's end.", _WAITS)
        self.batches = histogram("inbox_batch_size", "Items that shared one commit.", _SIZES, "kind")
        self.commits = histogram("inbox_commit_seconds", "Time of one such transaction.", _COMMITS, "kind")

    def watch(self, look: Callable[[], Snapshot]) -> None:
        """Has the manager looked at whenever somebody reads."""
        self.registry.register(_Gauges(look))


class Stopwatch:
    """Counts a batch of the inbox and its time: `with Stopwatch(metrics, "store", 17): …`"""

    def __init__(self, metrics: Metrics, kind: str, size: int) -> None:
        self._metrics = metrics
        self._kind = kind
        self._size = size

    def __enter__(self) -> None:
        self._began = time.perf_counter()

    def __exit__(self, failed: type[BaseException] | None, *_more: object) -> None:
        if failed is None:
            self._metrics.batches.labels(self._kind).observe(self._size)
            self._metrics.commits.labels(self._kind).observe(time.perf_counter() - self._began)


class _Gauges(Collector):
    def __init__(self, look: Callable[[], Snapshot]) -> None:
        self._look = look

    def collect(self) -> Iterator[Metric]:
        seen = self._look()
        states = GaugeMetricFamily("chatai_bots", "Bots that this manager holds and that are to run.", labels=["state"])
        for state, number in sorted(seen.states.items()):
            states.add_metric([state], number)
        yield states
        for name, about, value in (
            ("live", "Bots with a process.", seen.live),
            ("queued", "Updates that wait for their turn, in memory and in the inbox.", seen.queued),
            ("in_work", "Updates that are being answered.", seen.in_work),
            ("oldest_update_seconds", "How long the oldest undone update of a bot has waited.", seen.oldest_seconds),
            ("answers_under_way", "Questions in the answer processes.", seen.answers_under_way),
            ("memory_sum_bytes", "Own memory of all bots' processes, at the last look.", seen.memory_sum_kb * 1024),
            ("memory_max_bytes", "Own memory of the largest one.", seen.memory_max_kb * 1024),
            ("redis_away", "1 while limits are counted by this manager alone.", seen.redis_away),
            ("leases_held", "Bots that this manager holds.", seen.leases_held),
            ("leases_valid", "1 while that is certain.", seen.leases_valid),
            ("lease_lapses", "Times that all bots were let go because the leases' time was over.", seen.lease_lapses),
            ("managers", "Live managers, as this one knows.", seen.managers),
            ("events_dropped", "Lines of bots' logs that were not written.", seen.events_dropped),
            ("posts_refused", "Webhook posts that were refused.", seen.posts_refused),
        ):
            yield GaugeMetricFamily(f"chatai_bots_{name}", about, value=float(value))

    def describe(self) -> Iterator[Metric]:
        return iter(())  # so that registering does not look at a manager that is not there yet
