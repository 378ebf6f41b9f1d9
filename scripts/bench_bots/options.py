"""How much is measured."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

PARTS = ("live", "restart", "cold", "neighbours", "single", "alternate", "many", "polled", "node")


@dataclass(frozen=True, slots=True)
class Options:
    """Times are seconds. `answers`: of each bot before its memory counts. `wakes`: of sleeping bots, so many a second.
    `paced_rounds`: of the run at the set pace, whose middle one counts. `alternations`: between processes and one
    process, at that pace for `turn_seconds` each. `rounds`: of the runs with troublesome neighbours.
    `neighbour_share`: of what the machine can do, for the others beside them; at most `neighbour_rate`.
    `gentle_rate`: a pace that a busy machine bears as well. `settle_seconds`: after a load, until marks are written and
    timers have run out. `rest_seconds`: until a bot's process has given back what it does not need."""

    bots: tuple[int, ...] = (1, 100, 1000)
    registered: int = 10_000
    live_of_registered: int = 500
    only: tuple[str, ...] = PARTS
    answers: int = 20
    answers_again: int = 20
    rate: float = 100.0
    gentle_rate: float = 25.0
    paced_rounds: int = 3
    alternations: int = 5
    turn_seconds: float = 30.0
    seconds: float = 15.0
    parallel: int = 64
    idle_seconds: float = 10.0
    settle_seconds: float = 3.0
    rest_seconds: float = 22.0
    wakes: int = 200
    wakes_a_second: float = 8.0
    neighbour_rate: float = 40.0
    neighbour_share: float = 0.25
    flood_rate: float = 500.0
    rounds: int = 12
    slice_seconds: float = 8.0
    node_bots: int = 10
    write: Path | None = None
    json: Path | None = None
    minutes: float = 45.0


QUICK = Options(
    bots=(1, 50),
    registered=500,
    live_of_registered=25,
    answers=3,
    answers_again=3,
    rate=20.0,
    paced_rounds=1,
    alternations=2,
    turn_seconds=4.0,
    gentle_rate=5.0,
    seconds=4.0,
    parallel=24,
    idle_seconds=4.0,
    rest_seconds=1.0,
    wakes=20,
    neighbour_rate=10.0,
    flood_rate=100.0,
    rounds=1,
    slice_seconds=4.0,
    node_bots=2,
    only=("live", "restart", "cold", "single"),
    minutes=6.0,
)


def read_options(arguments: list[str] | None = None) -> Options:
    parser = argparse.ArgumentParser(prog="make bench-bots", description="Measure ChatAI's bots on this machine.")
    parser.add_argument("--quick", action="store_true", help="few bots and short runs, under two minutes")
    parser.add_argument("--bots", type=_numbers, help="numbers of live bots, rising: 1,100,1000")
    parser.add_argument("--registered", type=int, help="registered bots, of which some live")
    parser.add_argument("--only", type=_parts, help=f"some parts only: {','.join(PARTS)}")
    parser.add_argument("--seconds", type=float, help="length of each timed run but the turns and the neighbours")
    parser.add_argument("--rate", type=float, help="paced updates a second")
    parser.add_argument("--minutes", type=float, help="give up after so many")
    parser.add_argument("--json", type=Path, help="also write all figures here")
    parser.add_argument("--write", type=Path, nargs="?", const=Path("docs/benchmarks/bots.md"), help="write the report")
    given = {name: value for name, value in vars(parser.parse_args(arguments)).items() if value is not None}
    base = QUICK if given.pop("quick") else Options()
    return Options(**{**{name: getattr(base, name) for name in Options.__dataclass_fields__}, **given})


def _numbers(text: str) -> tuple[int, ...]:
    numbers = tuple(int(part) for part in text.split(","))
    if sorted(numbers) != list(numbers) or numbers[0] < 1:
        raise argparse.ArgumentTypeError("rising numbers, such as 1,100,1000")
    return numbers


def _parts(text: str) -> tuple[str, ...]:
    parts = tuple(text.split(","))
    if unknown := set(parts) - set(PARTS):
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(sorted(unknown))}")
    return parts
