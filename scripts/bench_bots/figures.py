"""Numbers out of what was measured."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from scripts.bench_bots.children import Memory, memory
from scripts.bench_bots.installation import Answer


def quantile(values: Sequence[float], share: float) -> float:
    """The least of the values that so many of them are not above; not a number when there are none."""
    if not values:
        return math.nan
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * share) - 1)]


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds from the moment a question was due. `lost`: how many were not answered in time."""

    asked: int
    lost: int
    p50: float
    p95: float
    p99: float
    longest: float

    @classmethod
    def of(cls, answers: Iterable[Answer], *, complete: bool = False) -> Latency:
        """Until the answer's first message came; with `complete` until all of it was there."""
        rows = list(answers)
        times = [time for row in rows if (time := row.complete if complete else row.first) is not None]
        lost = sum(row.complete is None for row in rows)
        return cls(len(rows), lost, *(round(quantile(times, share), 1) for share in (0.5, 0.95, 0.99, 1.0)))


def typical(rounds: Sequence[Latency]) -> Latency:
    """Of the same load several times: the run with the middle p95, and what was lost in any. What else a machine does
    for some seconds then says nothing."""
    middle = sorted(rounds, key=lambda one: math.inf if math.isnan(one.p95) else one.p95)[len(rounds) // 2]
    return replace(middle, asked=sum(one.asked for one in rounds), lost=sum(one.lost for one in rounds))


def throughput(answers: Iterable[Answer], settle: float = 2.0) -> float:
    """Answers a second between the first `settle` seconds of a load and its last question."""
    rows = [row for row in answers if row.complete is not None]
    if not rows:
        return 0.0
    begin, end = min(row.due for row in rows) + settle, max(row.due for row in rows)
    done = sum(begin <= row.due + (row.complete or 0) / 1000 <= end for row in rows)
    return round(done / (end - begin), 1) if end > begin else 0.0


def memory_of(parts: dict[str, list[int]]) -> dict[str, dict[str, float]]:
    """MB of each part, its processes together, and how many they are."""
    found = {}
    for name, pids in parts.items():
        taken = [one for pid in pids if (one := memory(pid))]
        found[name] = {
            "processes": len(taken),
            **{key: round(sum(getattr(one, key) for one in taken), 1) for key in ("pss", "own", "tables")},
        }
    return found


def each(pids: list[int]) -> dict[str, Any]:
    """Least, median, p95 and most of the MB that each of these processes takes."""
    taken: list[Memory] = [one for pid in pids if (one := memory(pid))]
    spread: dict[str, Any] = {}
    for key in ("pss", "own", "rss", "tables"):
        values = [asdict(one)[key] for one in taken]
        spread[key] = {
            name: round(quantile(values, share), 2)
            for name, share in (("min", 0.0), ("median", 0.5), ("p95", 0.95), ("max", 1.0))
        }
    return spread


def total(parts: dict[str, dict[str, float]]) -> float:
    """MB of all parts with their page tables."""
    return round(sum(part["pss"] + part["tables"] for part in parts.values()), 1)
