"""The command: runs the parts in order, shows the table, and leaves nothing behind, whatever happens."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Awaitable
from dataclasses import asdict, is_dataclass
from typing import Any

from chatai.core.logging import configure
from chatai.core.settings import Settings
from scripts.bench_bots import parts, report
from scripts.bench_bots.children import Child, ChildFailed, python
from scripts.bench_bots.installation import Installation, installation, xquad
from scripts.bench_bots.machine import machine
from scripts.bench_bots.nodebots import node
from scripts.bench_bots.options import Options, read_options


async def run(options: Options, figures: dict[str, Any]) -> None:
    """Fills in the figures, part by part: what was measured before something failed is there."""
    began = time.monotonic()

    async def take(name: str, work: Awaitable[dict[str, Any]]) -> dict[str, Any]:
        print(f"{time.monotonic() - began:6.0f} s  {name} ...", file=sys.stderr, flush=True)
        measured: dict[str, Any] = _plain(await work)
        return measured

    async with asyncio.timeout(options.minutes * 60), installation(xquad()) as made:
        top = options.bots[-1]
        await made.start_manager()
        if "live" in options.only:
            figures["live"] = []
            for count in options.bots:
                figures["live"].append(await take(f"{count} live bots", parts.live(made, options, count)))
        if len(made.bots) < top:
            await made.register(top - len(made.bots))
        if "restart" in options.only:
            figures["restart"] = await take("restart", parts.restart(made, options, top, _single(made)))
        if "cold" in options.only:
            figures["cold"] = await take("cold wakes", parts.cold(made, options))
        if "neighbours" in options.only:
            figures["neighbours"] = await take("neighbours", parts.neighbours(made, options, min(top, 100)))
        if "single" in options.only:
            figures["single"] = await take("one process", parts.single(made, options, top, _single(made)))
        if "alternate" in options.only:
            figures["alternate"] = await take("by turns", parts.alternate(made, options, top, _single(made)))
        if "many" in options.only:
            figures["many"] = await take(f"{options.registered} registered", parts.many(made, options))
        if "node" in options.only:
            figures["node"] = await take("Node.js", node(made, options))
        await made.manager.stop()
        if "polled" in options.only:
            name = f"{options.registered} polled"
            async with installation(xquad(), polling=True) as fetching:
                figures["polled"] = await take(name, parts.polled(fetching, options))
        print(f"{time.monotonic() - began:6.0f} s  done", file=sys.stderr)


def _single(made: Installation) -> Child:
    return Child("single", python("scripts.bench_bots.single"), made.environment, made.folder)


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value


def main() -> int:
    """The exit code: 0 when everything ran, whether or not the targets were met."""
    options = read_options()
    configure("bench-bots", Settings(_env_file=None, log_level="WARNING"), files=False)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the same clean end as with Ctrl-C
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg()[:2])
    figures: dict[str, Any] = {"machine": machine(), "load_before": load}
    code = 0
    try:
        asyncio.run(run(options, figures))
    except ChildFailed as error:
        figures["broke_off"] = "The run broke off because a process failed; what is missing was not measured."
        print(f"\nThe benchmark broke off: {error}", file=sys.stderr)
        code = 1
    except TimeoutError:
        figures["broke_off"] = f"The run broke off after {options.minutes:g} minutes; what is missing was not measured."
        print(f"\nThe benchmark broke off after {options.minutes:g} minutes (--minutes).", file=sys.stderr)
        code = 1
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        code = 130
    print(report.text(figures))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2))
    if options.write and figures.get("live"):
        command = "make bench-bots" + (f' ARGS="{" ".join(_shown(sys.argv[1:]))}"' if _shown(sys.argv[1:]) else "")
        options.write.write_text(report.markdown(figures, options, command))
        print(f"\nWritten: {options.write}")
    return code


def _shown(arguments: list[str]) -> list[str]:
    """The command's arguments as far as they change what is measured."""
    shown, skip = [], False
    for argument in arguments:
        if skip and not argument.startswith("-"):
            skip = False
            continue
        skip = argument in {"--write", "--json"}
        if not skip and not argument.startswith(("--write=", "--json=")):
            shown.append(argument)
    return shown


if __name__ == "__main__":
    sys.exit(main())
