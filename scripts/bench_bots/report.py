"""The table: what was to be reached, what was measured, and whether it was."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import Any

from scripts.bench_bots.figures import quantile
from scripts.bench_bots.options import Options
from scripts.bench_bots.parts import COMPARED, NEIGHBOURS


@dataclass(frozen=True, slots=True)
class Row:
    """One line. `met`: None where there is no target, or nothing to compare with."""

    what: str
    target: str
    measured: str
    met: bool | None = None


def most(value: float | None, limit: float) -> bool | None:
    return None if value is None else value <= limit


def targets(figures: dict[str, Any]) -> list[Row]:
    """The lines with a target, as far as their parts were run."""
    rows: list[Row] = []
    live = figures.get("live") or []
    single = figures.get("single")
    for one in live[-1:]:
        n = one["bots"]
        bot = one["bot"]["pss"]
        said = f"{bot['median']} MB median, {bot['p95']} p95, {bot['max']} at most ({n} live)"
        rows.append(Row(f"PSS of a live bot after {one['answers_each']} answers", "≤ 8 MB", said, most(bot["p95"], 8)))
        gib = one["system_mb"] / 1024
        rows.append(Row(f"{n} live bots, whole system with page tables", "≤ 12 GiB", f"{gib:.2f} GiB", gib <= 12))
    if many := figures.get("many"):
        idle = many["registered"] - many["live"]
        extra = many["processes"] - many["live"]
        said = f"{extra} processes for {idle} idle bots"
        rows.append(Row("an idle registered bot", "0 processes", said, extra <= 0))
    if restart := figures.get("restart"):
        seconds = restart["all_answered_s"]
        said = f"{seconds} s ({restart['bots']} bots, {restart['lost']} lost), after {restart['stop_s']} s to stop them"
        rows.append(Row("from stop to all answering", "≤ 15 s", said, most(seconds, 15) and not restart["lost"]))
        if one := restart.get("single_s"):
            rows.append(Row("the same in one process", "", f"{one} s: {seconds / one:.2f} ×"))
    if cold := figures.get("cold"):
        found = cold["latency"]
        said = f"p50 {found['p50']}, p95 {found['p95']} ms ({cold['wakes']} wakes)"
        rows.append(Row("cold wake: question to sendMessage", "p95 ≤ 60 ms", said, most(found["p95"], 60)))
    if found := figures.get("alternate"):
        factor = statistics.median(found["ratios"])
        turns = ", ".join(f"{ratio:.2f}" for ratio in found["ratios"])
        said = f"{found['ours']['p95']} ms against {found['single']['p95']} ms: {factor:.2f} × (turns: {turns})"
        name = f"p95 at {found['rate']:g} updates/s, {found['bots']} bots, by turns with one process"
        rows.append(Row(name, "≤ 2 ×", said, factor <= 2))
    if single and live:
        ours = live[-1]
        factor = ours["paced"]["p95"] / single["paced"]["p95"]
        said = f"{ours['paced']['p95']} ms against {single['paced']['p95']} ms: {factor:.2f} ×"
        if ours["saturated"] < ours["rate"] > single["saturated"]:
            said += ", both beyond what the machine can do"
        if figures.get("alternate"):
            rows.append(Row("the same, minutes apart, after the loads below", "", said))
        else:
            name = f"p95 at {ours['rate']:g} updates/s, {ours['bots']} bots, against one process"
            rows.append(Row(name, "≤ 2 ×", said, factor <= 2))
        factor = ours["gentle"]["p95"] / single["gentle"]["p95"]
        said = f"{ours['gentle']['p95']} ms against {single['gentle']['p95']} ms: {factor:.2f} ×"
        rows.append(Row(f"the same at {ours['gentle_rate']:g} updates/s", "≤ 2 ×", said, factor <= 2))
        share = ours["saturated"] / single["saturated"] if single["saturated"] else 0.0
        said = f"{ours['saturated']}/s against {single['saturated']}/s: {share:.2f} ×"
        rows.append(Row("saturated throughput, against one process", "≥ 0.6 ×", said, share >= 0.6))
    if found := figures.get("neighbours"):
        for name, changes in found["changes"].items():
            said = _change(changes, f"against one that is {COMPARED[name]}")
            rows.append(Row(f"a {name} neighbour, p95 of the others", "< +10%", said, statistics.median(changes) < 0.1))
        if changes := found.get("flood_and_none"):
            rows.append(Row("a flooded neighbour, p95 of the others", "", _change(changes, "against none")))
    return rows


def _change(changes: list[float], against: str) -> str:
    low, high = (quantile(changes, share) * 100 for share in (0.25, 0.75))
    middle = statistics.median(changes) * 100
    return f"{middle:+.0f}% {against}, the middle of {len(changes)} turns (quarters {low:+.0f}% and {high:+.0f}%)"


def details(figures: dict[str, Any]) -> list[tuple[str, list[str], list[list[Any]]]]:
    """The other tables: title, head, lines."""
    tables: list[tuple[str, list[str], list[list[Any]]]] = []
    live = figures.get("live") or []
    if live:
        head = ["live bots", *(str(one["bots"]) for one in live)]
        lines: list[list[Any]] = []

        def line(name: str, *path: str) -> None:
            lines.append([name, *(_at(one, path) for one in live)])

        for kind, title in (("pss", "PSS"), ("own", "own (USS)"), ("rss", "RSS"), ("tables", "page tables")):
            for share in ("min", "median", "p95", "max") if kind in ("pss", "own") else ("median",):
                line(f"a bot's {title}, MB, {share}", "bot", kind, share)
        line("a bot's PSS after the loads below, MB, median", "bot_after_load", "pss", "median")
        line("the same, p95", "bot_after_load", "pss", "p95")
        for part in live[-1]["system"]:
            line(f"{part}, MB", "system", part, "pss")
        line("whole system with page tables, MB", "system_mb")
        for part in live[-1]["beside"]:
            line(f"({part}, MB)", "beside", part, "pss")
        line("CPU when quiet, % of a core", "cpu_idle_percent")
        tables.append(("Memory", head, lines))
        columns = [(str(one["bots"]), one) for one in live]
        if single := figures.get("single"):
            columns.append((f"{single['bots']} in one process", single))
        lines = [["paced updates a second", *(one["rate"] for _, one in columns)]]
        for key, title in (
            ("paced", "question to first message, ms"),
            ("gentle", "the same at a gentle pace, ms"),
            ("paced_realistic_first", "the same, model takes 680 ms, until the first sign"),
            ("paced_realistic_complete", "the same, until all of it"),
        ):
            for share in ("p50", "p95", "p99"):
                lines.append([f"{title}, {share}", *(_at(one, (key, share)) for _, one in columns)])
            lines.append([f"{title}: unanswered", *(_at(one, (key, "lost")) for _, one in columns)])
        lines.append(["gentle pace, updates a second", *(one["gentle_rate"] for _, one in columns)])
        lines.append(["answers a second, saturated", *(one["saturated"] for _, one in columns)])
        lines.append(["at that, p95 ms", *(one["saturated_latency"]["p95"] for _, one in columns)])
        lines.append(["whole system, MB", *(one["system_mb"] for _, one in columns)])
        tables.append(("Speed", ["live bots", *(name for name, _ in columns)], lines))
    if many := figures.get("many"):
        cold, pss = many["cold"], many["bot"]["pss"]
        tables.append((
            "Many registered, few live",
            ["what", "measured"],
            [
                ["registered, live", f"{many['registered']}, {many['live']}"],
                ["processes of bots", many["processes"]],
                ["registering, s", many["registering_s"]],
                ["start of the manager until it listens, s", many["listening_s"]],
                [f"manager with {many['registered_before']} registered, MB", many["manager_before_mb"]],
                [f"manager with {many['registered']} registered, MB", many["manager_after_mb"]],
                ["a live bot's PSS, median and most, MB", f"{pss['median']}, {pss['max']}"],
                ["whole system, MB", many["system_mb"]],
                ["CPU when quiet, % of a core", many["cpu_idle_percent"]],
                ["a sleeping bot wakes, p50 and p95, ms", f"{cold['p50']}, {cold['p95']}"],
            ],
        ))  # fmt: skip
    if found := figures.get("polled"):
        calm, busy, cold = found["gentle"], found["paced"], found["cold"]
        tables.append((
            "Without webhooks: the manager polls for each bot",
            ["what", "measured"],
            [
                ["registered, live", f"{found['registered']}, {found['live']}"],
                ["processes of bots", found["processes"]],
                ["start of the manager until 99% are polled, s", found["all_polled_s"]],
                ["manager with 1 registered, MB", found["manager_before_mb"]],
                [f"manager with {found['registered']} registered, MB", found["manager_after_mb"]],
                ["whole system, MB", found["system_mb"]],
                ["CPU when quiet, % of a core", found["cpu_idle_percent"]],
                [f"question to first message at {found['gentle_rate']:g}/s, p50 and p95, ms",
                 f"{calm['p50']}, {calm['p95']}"],
                [f"the same at {found['rate']:g}/s", f"{busy['p50']}, {busy['p95']}"],
                ["a sleeping bot wakes, p50 and p95, ms", f"{cold['p50']}, {cold['p95']}"],
            ],
        ))  # fmt: skip
    if node := figures.get("node"):
        if "skipped" in node:
            tables.append(("Node.js", ["what", "measured"], [[node["skipped"], ""]]))
        else:
            each = node["each"]
            tables.append((
                "An idle Node.js bot, as the replaced system ran one for each customer",
                ["what", "measured"],
                [
                    ["one alone, PSS and RSS, MB", f"{node['one']['pss']}, {node['one']['rss']}"],
                    [f"each of {node['bots']}, PSS and RSS, MB", f"{each['pss']['median']}, {each['rss']['median']}"],
                ],
            ))  # fmt: skip
    return tables


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        value = value.get(key, {}) if isinstance(value, dict) else {}
    return "" if value == {} else value


def markdown(figures: dict[str, Any], options: Options, command: str) -> str:
    """The whole page."""
    mark = {True: "yes", False: "**no**", None: ""}
    lines = ["# Bots: memory, speed and isolation", "", f"`{command}` on {figures['machine']}."]
    lines += ["", *_INTRODUCTION, ""]
    if broken := figures.get("broke_off"):
        lines += [f"**{broken}**", ""]
    lines += ["| what | target | measured | met |", "|---|---|---|---|"]
    lines += [f"| {row.what} | {row.target} | {row.measured} | {mark[row.met]} |" for row in targets(figures)]
    for title, head, body in details(figures):
        lines += ["", f"## {title}", "", f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
        lines += [f"| {' | '.join(str(cell) for cell in line)} |" for line in body]
    if found := figures.get("neighbours"):
        lines += [
            "", "## Neighbours", "",
            f"{found['bots']} bots, {found['rate']:g} updates a second among them, of {found['can']:g} that they can "
            f"bear; model without delay. Flooded: {found['flood_posted']} updates to one more bot. Served: that bot is "
            "written to as fast as a flooded one is let have its updates. None: that bot is left alone. For both the "
            "sandbox makes the same flood for a bot of somebody else, on the same cores. Crashing: "
            f"{found['kills']} kills of that bot's process while it is asked. Healthy: it is asked as much, and lives. "
            "Runs of one turn ask the others the same at the same distances, and are compared with each other; below "
            "is all of it together.", "",
            "| | p50 ms | p95 ms | p99 ms | unanswered |", "|---|---|---|---|---|",
        ]  # fmt: skip
        for name in NEIGHBOURS:
            one = found[name]
            lines.append(f"| {name} | {one['p50']} | {one['p95']} | {one['p99']} | {one['lost']} |")
    lines += ["", f"Load of the machine before the run, over one and five minutes: {figures['load_before']}.", ""]
    return "\n".join(lines)


_INTRODUCTION = (
    "Every figure is of the whole path: webhook → inbox in PostgreSQL (durable, fsync on) → the bot's own process →",
    "answer process with retrieval over 240 paragraphs → model → sendMessage. The sandbox stands in Telegram's place",
    "and is the one clock: a question's time runs from when it was due, at random times, whether or not earlier ones",
    "are answered. PSS counts shared pages in equal parts to those who share them. The sandbox and the model server",
    "run on the same cores and are no part of the system's figures. “In one process” is the same code without",
    "isolation: tasks instead of processes, queues instead of sockets.",
)


def text(figures: dict[str, Any]) -> str:
    """For the console."""
    mark = {True: "met", False: "NOT MET", None: ""}
    rows = [(row.what, row.target, row.measured, mark[row.met]) for row in targets(figures)]
    lines = ["", *(f"{what:<62} {target:<12} {measured:<58} {met}" for what, target, measured, met in rows)]
    for title, head, body in details(figures):
        lines += ["", title, f"  {head[0]:<58} " + " ".join(f"{cell:>18}" for cell in head[1:])]
        lines += [f"  {line[0]!s:<58} " + " ".join(f"{cell!s:>18}" for cell in line[1:]) for line in body]
    if found := figures.get("neighbours"):
        lines += ["", "Neighbours: p50, p95, p99 ms, unanswered"]
        for name in NEIGHBOURS:
            shown = " ".join(f"{found[name][key]:>8}" for key in ("p50", "p95", "p99", "lost"))
            lines.append(f"  {name:<58} {shown}")
    return "\n".join(lines)
