"""The benchmark of the bots runs as a whole, with the smallest numbers, and its report says what it found."""

from __future__ import annotations

import math
from dataclasses import asdict

import pytest

from scripts.bench_bots import parts, report
from scripts.bench_bots.children import Child, python
from scripts.bench_bots.figures import Latency, quantile, throughput
from scripts.bench_bots.installation import Answer, installation
from scripts.bench_bots.machine import machine
from scripts.bench_bots.options import QUICK, Options, read_options
from tests.conftest import FAST
from tests.faults.test_kills import CORPUS

TINY = Options(
    bots=(2,), answers=2, rate=10.0, gentle_rate=5.0, seconds=1.0, parallel=2, idle_seconds=0.2, rest_seconds=0.1,
    settle_seconds=0.1, paced_rounds=1, alternations=2, turn_seconds=1.0, rounds=1, slice_seconds=1.0,
    neighbour_rate=5.0, flood_rate=20.0
)  # fmt: skip


def answered(due: float, first: float | None, complete: float | None) -> Answer:
    return Answer(1, 1, 1, due, 0.1, first, complete)


def test_quantiles_are_values_that_were_measured() -> None:
    values = [float(number) for number in range(1, 101)]
    assert [quantile(values, share) for share in (0.0, 0.5, 0.95, 0.99, 1.0)] == [1, 50, 95, 99, 100]
    assert quantile([7.0], 0.95) == 7
    assert math.isnan(quantile([], 0.5))


def test_what_was_not_answered_is_counted_and_the_rest_is_timed() -> None:
    found = Latency.of([answered(0, 10, 20), answered(0, 30, 40), answered(0, None, None)])
    assert (found.asked, found.lost, found.p50, found.longest) == (3, 1, 10, 30)
    assert Latency.of([answered(0, 10, 20)], complete=True).p50 == 20


def test_throughput_counts_what_was_done_after_the_first_seconds() -> None:
    assert throughput([answered(second / 10, 1, 1) for second in range(101)], settle=2.0) == pytest.approx(10, rel=0.05)
    assert throughput([]) == 0


def test_options_are_read_and_refused(capsys) -> None:
    assert read_options(["--quick", "--bots", "1,5"]).bots == (1, 5)
    assert read_options(["--quick"]) == QUICK
    assert read_options([]) == Options()
    for wrong in (["--bots", "5,1"], ["--only", "everything"]):
        with pytest.raises(SystemExit):
            read_options(wrong)
    assert "rising numbers" in capsys.readouterr().err


async def test_two_bots_are_measured_with_their_own_processes_and_in_one() -> None:
    async with installation(CORPUS, engines=FAST) as made:
        await made.start_manager()
        live = await parts.live(made, TINY, 2)
        assert live["live"] == 2
        assert live["paced"].lost == live["saturated_latency"].lost == 0
        assert 0 < live["bot"]["pss"]["median"] < live["bot"]["rss"]["median"]
        assert live["system_mb"] > sum(part["pss"] for part in live["system"].values()) * 0.9
        child = Child("single", python("scripts.bench_bots.single"), made.environment, made.folder)
        again = await parts.restart(made, TINY, 2, child)
        assert again["lost"] == 0
        assert again["all_answered_s"] > 0 < again["single_s"]
        felt = await parts.neighbours(made, TINY, 2)
        assert felt["flood_posted"] > 0
        single = await parts.single(made, TINY, 2, child)
        assert single["paced"].lost == 0
        assert single["system"]["workers"]["processes"] == 0
        turns = await parts.alternate(made, TINY, 2, child)
        assert turns["ours"].lost == turns["single"].lost == 0
        assert turns["ours"].asked > 0 < turns["single"].asked
        assert len(turns["ratios"]) == 2
        assert all(ratio > 0 for ratio in turns["ratios"])
    figures = {
        "machine": machine(),
        "load_before": "0",
        "live": [{name: asdict(value) if isinstance(value, Latency) else value for name, value in live.items()}],
        "single": {name: asdict(value) if isinstance(value, Latency) else value for name, value in single.items()},
        "restart": again,
    }
    page = report.markdown(figures, TINY, "make bench-bots")
    assert "| whole system with page tables, MB |" in page
    assert {row.met for row in report.targets(figures) if row.target} <= {True, False}
    figures["alternate"] = turns | {name: asdict(turns[name]) for name in ("ours", "single")}
    assert "by turns with one process" in report.markdown(figures, TINY, "make bench-bots")
    assert "saturated throughput" in report.text(figures)
    figures["neighbours"] = {
        name: asdict(value) if isinstance(value, Latency) else value for name, value in felt.items()
    }
    figures["neighbours"]["changes"] = {"flooded": [0.2, 0.05, 0.01], "crashing": [0.1, math.inf, 0.3]}
    *_, flooded, crashing, against_none = report.targets(figures)
    assert (flooded.met, crashing.met, against_none.met) == (True, False, None)
    said = "+5% against one that is served, the middle of 3 turns (quarters +1% and +20%)"
    assert said in report.markdown(figures, TINY, "make bench-bots")
