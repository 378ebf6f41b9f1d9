"""The one console of `chatai up`: steps while it starts, then every process's lines with its name in front."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from rich.console import Console
from rich.status import Status
from rich.text import Text

PATIENCE = 1.0  # seconds that a step may take before it is shown
COLOURS = {"web": "cyan", "bots": "green", "jobs": "magenta", "postgres": "blue", "valkey": "red", "chatai": "bold"}
WIDTH = max(map(len, COLOURS))


class Screen:
    """Writes to the terminal, or plain lines to whatever stands in its place."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False, soft_wrap=True)
        self._status: Status | None = None
        self._steps: dict[str, str] = {}

    def line(self, source: str, text: str) -> None:
        """A line of a process."""
        prefix = Text(f"{source:<{WIDTH}} │ ", style=COLOURS.get(source, ""))
        # What a process writes is shown as it is: its own colours, but no markup of ours.
        self._print(prefix + Text.from_ansi(text))

    def say(self, text: str, style: str = "") -> None:
        """A line of the launcher's own."""
        self._print(Text(text, style=style))

    def _print(self, text: Text) -> None:
        with suppress(OSError):  # the terminal may be gone; stopping must go on without it
            self._console.print(text, soft_wrap=True, highlight=False)

    @asynccontextmanager
    async def step(self, title: str) -> AsyncIterator[Step]:
        """A step of the start: shown when it takes over a second, with the time it took at its end."""
        step = Step(self, title)
        timer = asyncio.get_running_loop().call_later(PATIENCE, step.show)
        try:
            yield step
            step.finish()
        finally:
            timer.cancel()
            self.forget(title)

    def show(self, title: str, detail: str) -> None:
        """Shows a step, or what it is doing now: as a moving line on a terminal, else as a line of its own."""
        text = f"{title}: {detail}" if detail else f"{title} …"
        if not self._console.is_terminal:
            self.say(text)
            return
        self._steps[title] = text
        self._refresh()

    def forget(self, title: str) -> None:
        if self._steps.pop(title, None) is not None:
            self._refresh()

    def _refresh(self) -> None:
        text = Text(" · ".join(self._steps.values()))
        with suppress(OSError):
            if not self._steps and self._status:
                self._status.stop()
                self._status = None
            elif self._steps and self._status:
                self._status.update(text)
            elif self._steps:
                self._status = self._console.status(text)
                self._status.start()

    def close(self) -> None:
        self._steps.clear()
        self._refresh()


class Step:
    """One step of the start, while it goes on."""

    def __init__(self, screen: Screen, title: str) -> None:
        self._screen = screen
        self._title = title
        self._started = time.monotonic()
        self._detail = ""
        self._shown = False

    def detail(self, text: str) -> None:
        """What the step is doing now."""
        if text != self._detail:
            self._detail = text
            if self._shown:
                self._screen.show(self._title, text)

    def show(self) -> None:
        self._shown = True
        self._screen.show(self._title, self._detail)

    def finish(self) -> None:
        if self._shown:
            self._screen.forget(self._title)
            self._screen.say(f"{self._title}: done in {time.monotonic() - self._started:.1f} s")
