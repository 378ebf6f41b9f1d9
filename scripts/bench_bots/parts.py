"""What is measured, part by part. Each takes a running installation and gives figures."""

from __future__ import annotations

import asyncio
import itertools
import math
import random
import time
from dataclasses import replace
from typing import Any

from bots.tuning import Tuning
from scripts.bench_bots.children import Child, cpu_seconds
from scripts.bench_bots.figures import Latency, each, memory_of, throughput, total, typical
from scripts.bench_bots.installation import REALISTIC, Answer, Installation, Registered
from scripts.bench_bots.options import Options
from scripts.bench_bots.trouble import FLOODED_WITH, Busy, Crasher, Flood, Stranger, discard

GONE_PATIENCE = 30.0
POLLS_PATIENCE = 120.0
POLL_SECONDS = 50.0  # of a poll that brings nothing: the CPU of a shorter time would say little
NEIGHBOURS = ("healthy", "crashing", "none", "served", "flooded")
COMPARED = {"flooded": "served", "crashing": "healthy"}  # a troublesome neighbour: the same one without trouble
MOST_PER_BOT = 10.0  # questions a second of one bot; Telegram lets a bot send thirty messages a second


async def live(made: Installation, options: Options, count: int) -> dict[str, Any]:
    """So many live bots: what they take after so many answers each, how quick they are, what they cost when quiet."""
    fresh = await made.register(count - len(made.bots))
    figures: dict[str, Any] = {"bots": count, "answers_each": options.answers}
    await made.model_is()
    began = time.monotonic()
    filled = await fill(made, options, fresh)
    figures["fill"] = {"questions": len(filled), "seconds": round(time.monotonic() - began, 1)}
    await asyncio.sleep(options.settle_seconds)
    parts = made.parts()
    figures["bot"] = each(parts["workers"])
    figures["live"] = len(parts["workers"])
    figures["system"] = memory_of(parts)
    figures["system_mb"] = total(figures["system"])
    figures["beside"] = memory_of(made.beside())
    figures["cpu_idle_percent"] = await idle_cpu(parts, options.idle_seconds)
    figures.update(await speed(made, options, made.bots[:count]))
    await asyncio.sleep(options.rest_seconds if count == options.bots[-1] else options.settle_seconds)
    figures["bot_after_load"] = each(made.parts()["workers"])
    return figures


async def fill(made: Installation, options: Options, bots: list[Registered]) -> list[Answer]:
    """Each of the bots answers so many questions, by three people each."""
    if not bots:
        return []
    numbers = [bot.number for bot in bots]
    answers = await made.load(bots=numbers, questions=options.answers * len(numbers), parallel=48, people=3)
    lost = sum(answer.complete is None for answer in answers)
    if lost:
        raise made.manager.failure(f"left {lost} of {len(answers)} questions unanswered within a minute")
    return answers


async def idle_cpu(parts: dict[str, list[int]], seconds: float) -> float:
    """Per cent of one core that all of it takes when nobody asks anything."""
    pids = [pid for found in parts.values() for pid in found]
    before, began = cpu_seconds(pids), time.monotonic()
    await asyncio.sleep(seconds)
    return round((cpu_seconds(pids) - before) / (time.monotonic() - began) * 100, 2)


async def speed(made: Installation, options: Options, bots: list[Registered]) -> dict[str, Any]:
    """Answers at a set pace, with a model that answers at once and one like a real one; then as many as it can."""
    numbers = [bot.number for bot in bots]
    rate = min(options.rate, MOST_PER_BOT * len(numbers))
    people = max(3, math.ceil(3 * rate / len(numbers)))  # a chat bears one message a second: nobody asks faster
    figures: dict[str, Any] = {"rate": rate}
    pace = {"bots": numbers, "rate": rate, "seconds": options.seconds, "people": people}
    figures["paced"] = typical([Latency.of(await made.load(**pace)) for _ in range(options.paced_rounds)])
    figures["gentle_rate"] = min(options.gentle_rate, rate)
    paced = await made.load(bots=numbers, rate=figures["gentle_rate"], seconds=options.seconds, people=people)
    figures["gentle"] = Latency.of(paced)
    await made.model_is(**REALISTIC)
    paced = await made.load(**pace)
    figures["paced_realistic_first"] = Latency.of(paced)
    figures["paced_realistic_complete"] = Latency.of(paced, complete=True)
    await made.model_is()
    busy = await made.load(bots=numbers, parallel=options.parallel, seconds=options.seconds, people=people)
    figures["saturated"] = throughput(busy)
    figures["saturated_latency"] = Latency.of(busy)
    return figures


async def restart(made: Installation, options: Options, count: int, child: Child) -> dict[str, Any]:
    """From the end of the old manager to all bots having answered, each one question that came at the start; then the
    same in one process, which is what this machine can do."""
    numbers = [bot.number for bot in made.bots[:count]]
    stopping = await made.manager.stop()
    listening, answered, lost = await _from_start(made, made.manager, numbers)
    await made.manager.stop()
    try:
        _, single, _ = await _from_start(made, child, numbers)
    finally:
        child.kill()
    return {
        "bots": count,
        "stop_s": round(stopping, 2),
        "listening_s": listening,
        "all_answered_s": answered,
        "lost": lost,
        "single_s": single,
    }


async def _from_start(made: Installation, process: Child, bots: list[int]) -> tuple[float, float | None, int]:
    """Seconds until it listens, and until the last of one question to each bot is answered; how many were not."""
    began = time.time()
    listening = await made.start_manager(process)
    answers = await made.load(bots=bots, questions=len(bots), parallel=len(bots))
    ends = [answer.due + answer.complete / 1000 for answer in answers if answer.complete is not None]
    answered = round(max(ends) - began, 2) if ends else None
    return round(listening, 2), answered, len(bots) - len(ends)


async def cold(made: Installation, options: Options) -> dict[str, Any]:
    """Bots without a process: from a question to its answer, one after another at a quiet pace."""
    await made.manager.stop()
    await made.start_manager()
    first, *others = random.sample(made.bots, min(len(made.bots), options.wakes + 1))
    await made.load(bots=[first.number], questions=1)  # the zygote and the answer process are there now
    answers = await wake(made, options, others or [first])
    return {"wakes": len(answers), "latency": Latency.of(answers)}


async def wake(made: Installation, options: Options, bots: list[Registered]) -> list[Answer]:
    """One question to each, some a second."""
    return await made.load(bots=[bot.number for bot in bots], rate=options.wakes_a_second, questions=len(bots))


async def many(made: Installation, options: Options) -> dict[str, Any]:
    """Thousands of registered bots of which some live: what the others cost, and how quickly one of them wakes."""
    await made.manager.stop()
    await made.start_manager()
    await made.load(bots=[made.bots[0].number], questions=1)
    await asyncio.sleep(options.settle_seconds)
    before = memory_of(made.parts())
    few = len(made.bots)
    began = time.monotonic()
    await made.register(max(0, options.registered - few))
    registering = time.monotonic() - began
    await made.manager.stop()
    listening = await made.start_manager()
    await made.load(bots=[made.bots[0].number], questions=1)
    await asyncio.sleep(options.settle_seconds)
    after = memory_of(made.parts())
    live_bots = made.bots[: options.live_of_registered]
    await fill(made, replace(options, answers=options.answers_again), live_bots)
    await asyncio.sleep(options.settle_seconds)
    parts = made.parts()
    system = memory_of(parts)
    sleeping = made.bots[options.live_of_registered :]
    woken = await wake(made, options, random.sample(sleeping, min(options.wakes, len(sleeping))))
    return {
        "registered": len(made.bots),
        "registered_before": few,
        "registering_s": round(registering, 1),
        "listening_s": round(listening, 2),
        "live": len(live_bots),
        "processes": len(parts["workers"]),
        "manager_before_mb": before["manager"]["pss"],
        "manager_after_mb": after["manager"]["pss"],
        "bot": each(parts["workers"]),
        "system": system,
        "system_mb": total(system),
        "cpu_idle_percent": await idle_cpu(made.parts(), options.idle_seconds),
        "cold": Latency.of(woken),
    }


async def polled(made: Installation, options: Options) -> dict[str, Any]:
    """The same without webhooks: the manager holds a poll for each of thousands of bots, of which some live."""
    await made.start_manager()
    [first] = await made.register(1)
    await made.load(bots=[first.number], questions=1)
    await asyncio.sleep(options.settle_seconds)
    before = memory_of(made.parts())
    await made.register(options.registered - 1)
    await made.manager.stop()
    began = time.monotonic()
    await made.start_manager()
    await made.load(bots=[bot.number for bot in made.bots[-options.live_of_registered :]], questions=1)
    while await made.polls() < 0.99 * options.registered:  # some are just between two polls
        if time.monotonic() - began > POLLS_PATIENCE:
            raise made.manager.failure(f"polls for {await made.polls()} of {options.registered} bots")
        await asyncio.sleep(1.0)
    polling = time.monotonic() - began
    live_bots = made.bots[: options.live_of_registered]
    await fill(made, replace(options, answers=options.answers_again), live_bots)
    await asyncio.sleep(options.settle_seconds)
    parts = made.parts()
    system = memory_of(parts)
    numbers = [bot.number for bot in live_bots]
    pace = {"bots": numbers, "seconds": options.seconds, "people": 3}
    sleeping = made.bots[options.live_of_registered : -options.live_of_registered]
    return {
        "registered": len(made.bots),
        "live": len(live_bots),
        "processes": len(parts["workers"]),
        "all_polled_s": round(polling, 1),
        "manager_before_mb": before["manager"]["pss"],
        "manager_after_mb": system["manager"]["pss"],
        "system_mb": total(system),
        "cpu_idle_percent": await idle_cpu(parts, max(options.idle_seconds, POLL_SECONDS)),
        "gentle_rate": options.gentle_rate,
        "gentle": Latency.of(await made.load(rate=options.gentle_rate, **pace)),
        "rate": options.rate,
        "paced": Latency.of(await made.load(rate=options.rate, **pace)),
        "cold": Latency.of(await wake(made, options, random.sample(sleeping, min(options.wakes, len(sleeping))))),
    }


async def single(made: Installation, options: Options, count: int, child: Child) -> dict[str, Any]:
    """The same bots in one process."""
    bots = made.bots[:count] or await made.register(count)
    if made.manager.running:
        await made.manager.stop()
    await made.start_manager(child)
    try:
        await made.load(bots=[bot.number for bot in bots], questions=2 * len(bots), parallel=48)
        await asyncio.sleep(options.settle_seconds)
        parts = made.parts(child)
        system = memory_of(parts)
        figures = {
            "bots": count,
            "system": system,
            "system_mb": total(system),
            "cpu_idle_percent": await idle_cpu(parts, options.idle_seconds),
        }
        figures.update(await speed(made, options, bots))
        return figures
    finally:
        child.kill()


async def alternate(made: Installation, options: Options, count: int, child: Child) -> dict[str, Any]:
    """The set pace by turns: each bot in its process, all in one, and again. A machine's speed changes over minutes, so
    that what is measured far apart says little of the other: each turn has its own ratio, and the middle one counts."""
    numbers = [bot.number for bot in made.bots[:count] or await made.register(count)]
    pace = {"bots": numbers, "rate": options.rate, "seconds": options.turn_seconds, "people": 3}
    runs: dict[str, list[Latency]] = {"ours": [], "single": []}
    ratios: list[float] = []
    sides = [("ours", made.manager), ("single", child)]
    for number in range(options.alternations):
        turn: dict[str, Latency] = {}
        for name, process in sides:
            if made.manager.running:
                await made.manager.stop()
            await made.start_manager(process)
            try:
                await made.load(bots=numbers, questions=4 * len(numbers), parallel=48, people=3)
                await asyncio.sleep(options.settle_seconds)
                answers = await made.load(**pace, seed=number + 1)
            finally:
                if process is child:
                    child.kill()
            turn[name] = Latency.of(answers)
            runs[name].append(turn[name])
        ratios.append(_ratio(turn["ours"], turn["single"]))
        sides.reverse()  # so that what changes steadily favours neither
    return {
        "rate": options.rate,
        "bots": len(numbers),
        "ratios": ratios,
        **{name: typical(found) for name, found in runs.items()},
    }


async def neighbours(made: Installation, options: Options, count: int) -> dict[str, Any]:
    """What the others feel of a bot that is flooded, and of one whose process is killed every second."""
    await made.manager.stop()
    await made.start_manager()
    others = made.bots[: max(1, count - 2)]
    numbers = [bot.number for bot in others]
    await made.load(bots=numbers, questions=len(numbers), parallel=48)
    # At a set pace a slow machine would be near its end, where each further question is felt, whoever it is for.
    can = throughput(await made.load(bots=numbers, parallel=options.parallel, seconds=options.slice_seconds, people=5))
    rate = min(options.neighbour_rate, max(1.0, round(options.neighbour_share * can)))
    figures: dict[str, Any] = {"rate": rate, "can": can, "bots": len(others), "kills": 0, "flood_posted": 0}
    runs: dict[str, list[list[Answer]]] = {name: [] for name in NEIGHBOURS}

    async def under(name: str, bot: Registered, known: set[int], seed: int) -> None:
        quiet = {"bots": numbers, "rate": rate, "seconds": options.slice_seconds, "people": 5, "seed": seed}
        match name:
            case "healthy" | "crashing":  # as much is written to it, so that only its crashes make the difference
                async with (Crasher if name == "crashing" else Busy)(made, bot, known) as busy:
                    runs[name].append(await made.load(**quiet))
                figures["kills"] += busy.kills
            # What it costs the sandbox to make a flood, on the same cores, is not felt of the bot.
            case "none":
                async with Stranger(made) as stranger, Flood(made, stranger.number, options.flood_rate):
                    runs[name].append(await made.load(**quiet))
            case "served":  # as much as the flooded one is let have
                busy = Busy(made, bot, known, Tuning().updates_share, people=200, texts=FLOODED_WITH)
                async with Stranger(made) as stranger, Flood(made, stranger.number, options.flood_rate), busy:
                    runs[name].append(await made.load(**quiet))
            case "flooded":
                async with Flood(made, bot.number, options.flood_rate) as flood:
                    runs[name].append(await made.load(**quiet))
                figures["flood_posted"] += flood.posted

    # Short runs in turns, each in each place, so that what else goes on on the machine meets all of them alike; those
    # of one turn ask the same at the same distances. The troublesome bot is a new one each time, and is gone before the
    # next run begins, with all that waited for it.
    names = list(runs)
    for turn in range(options.rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            known = set(made.parts()["workers"])
            [bot] = await made.register(1)
            await under(name, bot, known, turn + 1)
            await discard(made, bot)
            await _gone(made, len(known))
    figures |= {name: Latency.of(itertools.chain.from_iterable(turns)) for name, turns in runs.items()}

    # Each turn is compared with its neighbour in time, and the middle one counts: what the machine does for some
    # seconds falls upon one of them.
    def changes(name: str, without: str) -> list[float]:
        pairs = zip(runs[without], runs[name], strict=True)
        return [_ratio(Latency.of(after), Latency.of(before)) - 1 for before, after in pairs]

    figures["changes"] = {name: changes(name, without) for name, without in COMPARED.items()}
    figures["flood_and_none"] = changes("flooded", "none")
    return figures


def _ratio(one: Latency, other: Latency) -> float:
    """Of the p95 to the other's; without end where nothing was answered."""
    ratio = one.p95 / other.p95
    return math.inf if math.isnan(ratio) else ratio


async def _gone(made: Installation, others: int) -> None:
    """Waits until the troublesome bot has no process any more."""
    until = time.monotonic() + GONE_PATIENCE
    while len(made.parts()["workers"]) > others:
        if time.monotonic() > until:
            raise made.manager.failure("did not end the process of a bot that was removed")
        await asyncio.sleep(0.05)
