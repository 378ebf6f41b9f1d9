"""Kills every part of the bots' side again and again under load: `make bench-faults`.

Counts, for each part: questions lost, answered twice, repeated in the one window that Telegram leaves open, and the
time from a kill until a question asked at that moment was answered.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
import time
from dataclasses import asdict
from pathlib import Path

from chatai.core.logging import configure
from chatai.core.settings import Settings
from scripts.bench_bots.backlog import Drained, drain
from scripts.bench_bots.children import ChildFailed
from scripts.bench_bots.figures import quantile
from scripts.bench_bots.installation import installation, xquad
from scripts.bench_bots.kills import ANSWER, IN_FLIGHT, Campaign, Keeper, Outcome
from scripts.bench_bots.machine import machine

KINDS = ("worker", "zygote", "answer process", "manager", "Valkey", "PostgreSQL")
POLLED = {f"polling: {kind}": kind for kind in ("worker", "manager", "PostgreSQL")}
"""The parts that a polled bot's updates come through, in an installation without webhooks."""
BACKLOG = "backlog"
EVERYTHING = [*KINDS, *POLLED, BACKLOG]
PAGE = Path("docs/benchmarks/faults.md")


async def run(arguments: argparse.Namespace, outcomes: list[Outcome], drained: list[Drained]) -> None:
    began = time.monotonic()
    async with asyncio.timeout(arguments.minutes * 60):
        for polling in (False, True):
            kinds = [kind for kind in arguments.only if (kind in POLLED) is polling]
            if not kinds:
                continue
            async with installation(xquad(), polling=polling) as made:
                await made.model_is(always=ANSWER, **IN_FLIGHT)
                await made.register(arguments.bots)
                await made.start_manager()
                await made.load(questions=arguments.bots, parallel=16, mark="")
                async with Keeper(made):
                    for kind in kinds:
                        print(f"{time.monotonic() - began:6.0f} s  {kind} ...", file=sys.stderr, flush=True)
                        if kind == BACKLOG:
                            drained.append(await drain(made, arguments.backlog))
                            continue
                        campaign = Campaign(made, POLLED.get(kind, kind), arguments.rate)
                        campaign.outcome.kind = kind
                        outcomes.append(campaign.outcome)
                        await campaign.run(arguments.kills)
    print(f"{time.monotonic() - began:6.0f} s  done", file=sys.stderr)


def table(outcomes: list[Outcome]) -> list[str]:
    lines = [
        "| killed | times | questions | lost | answered twice | repeated in the window | apologies | recovery p50, s | "
        "most, s |",
        "|" + "---|" * 9,
    ]
    for one in outcomes:
        middle, most = (f"{quantile(one.recoveries, share):.2f}" for share in (0.5, 1.0))
        counts = (one.kills, one.asked, one.lost, one.twice, one.repeated, one.apologies)
        lines.append(f"| {one.kind} | {' | '.join(map(str, counts))} | {middle} | {most} |")
    return lines


def backlog_lines(drained: list[Drained]) -> list[str]:
    lines = []
    for one in drained:
        lines += [
            f"A backlog of {one.updates} updates of one bot was worked off in {one.seconds:.0f} s. The manager took "
            f"{one.manager_before_mb:.0f} MB before it and {one.manager_peak_mb:.0f} MB at most. Another bot's p95 was "
            f"{one.alone.p95:.0f} ms before and {one.meanwhile.p95:.0f} ms meanwhile. Left undone: {one.left}."
        ]
    return lines


_INTRODUCTION = """\
People keep asking while one part is killed with SIGKILL, again and again; whoever supervises it (the manager, or in
`chatai up` the launcher) starts it anew. What counts is what stands in the chats: for each question exactly one
complete answer, and nothing else from the bot. The bots have webhooks; where it says *polling*, the manager fetches
their updates itself. *Repeated in the window*: a message that came twice because its sender died after Telegram took it
and before its number was stored
(see [decision 14](../decisions/0014-new-messages-are-announced-before-they-are-sent.md)); the product counts these
itself (`sends_repeated`), and only those that it counted are in this column. *Apologies*: the bot said that it could
not answer. *Recovery*: from a kill until a question asked at that moment is answered. The answer process is killed
again as soon as it answers, so the waits between its starts grow up to 8 seconds.

Of the backlog one update in a hundred is a question. `--write` renews this page, in about 40 minutes.
"""


def markdown(arguments: argparse.Namespace, outcomes: list[Outcome], drained: list[Drained]) -> str:
    """The whole page."""
    return "\n".join(
        [
            "# Faults: what is killed, and what is lost", "",
            f"`make bench-faults` ({arguments.kills} kills of each kind, {arguments.bots} bots, {arguments.rate:g} "
            f"questions a second) on {machine()}.", "",
            _INTRODUCTION,
            *table(outcomes), "",
            *backlog_lines(drained), "",
        ]
    )  # fmt: skip


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-faults", description="Kill parts of ChatAI's bots under load.")
    parser.add_argument("--kills", type=int, default=50, help="of each kind")
    parser.add_argument("--bots", type=int, default=60)
    parser.add_argument("--rate", type=float, default=12.0, help="questions a second")
    parser.add_argument("--backlog", type=int, default=100_000, help="updates that wait for one bot")
    parser.add_argument("--only", type=lambda names: names.split(","), default=EVERYTHING, help="some kinds only")
    parser.add_argument("--minutes", type=float, default=90.0, help="give up after so many")
    parser.add_argument("--json", type=Path, help="also write the counts here")
    parser.add_argument("--write", type=Path, nargs="?", const=PAGE, help="write the report")
    arguments = parser.parse_args()
    if unknown := set(arguments.only) - set(EVERYTHING):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(EVERYTHING)}")
    return arguments


def main() -> int:
    """The exit code: 0 when everything ran, and nothing was lost, answered twice or given up."""
    arguments = read_arguments()
    configure("bench-faults", Settings(_env_file=None, log_level="ERROR"), files=False)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    outcomes: list[Outcome] = []
    drained: list[Drained] = []
    code = 0
    try:
        asyncio.run(run(arguments, outcomes, drained))
    except ChildFailed as error:
        print(f"\nBroke off: {error}", file=sys.stderr)
        code = 1
    except TimeoutError:
        print(f"\nBroke off after {arguments.minutes:g} minutes (--minutes).", file=sys.stderr)
        code = 1
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        code = 130
    print("\n".join([*table(outcomes), "", *backlog_lines(drained)]))
    for one in outcomes:
        for sample in one.samples:
            print(f"{one.kind}: {sample}")
        if set(one.states) - {"running", "sleeping", "starting"}:
            print(f"{one.kind}: bots are {one.states}")
    if arguments.json:
        arguments.json.write_text(json.dumps([*map(asdict, outcomes), *map(asdict, drained)], indent=2))
    if arguments.write and code == 0:
        arguments.write.write_text(markdown(arguments, outcomes, drained))
    return code or int(any(one.lost or one.twice or one.apologies for one in outcomes))


if __name__ == "__main__":
    sys.exit(main())
