"""Many people at once: puts bots under load and times their answers, for benchmarks and fault tests.

The one clock is this process's: a question's time is when it was due, not when there was time to ask it, and an
answer's when its call arrived. So a bot that keeps everybody waiting cannot make its own figures better. In each chat
one question is open at a time; a bot whose people all wait gets another person, as it would get another customer.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from aiohttp import web

from bots.sandbox import people
from bots.sandbox.control import SANDBOX, refuse
from bots.sandbox.parameters import Parameters, read_parameters
from bots.sandbox.state import Chat, Sandbox, SandboxBot, Webhook, Wire

FIRST_PERSON = 3_000_000_000
MOST_BOTS = 20_000
MOST_QUESTIONS = 1_000_000
DEFAULT_TEXTS = ("What is it about?", "Как это работает?")
DRAFT = "sendmessagedraft"
SHOWING = {DRAFT, "sendmessage", "editmessagetext", "sendrichmessage"}

routes = web.RouteTableDef()


@dataclass(slots=True)
class Asked:
    """One question. Times are seconds since the epoch; 0: not yet."""

    bot: int
    chat: int
    due: float
    mark: str
    update: int = 0
    posted: float = 0.0
    first: float = 0.0
    complete: float = 0.0

    def row(self) -> list[float | int | None]:
        """[bot, chat, update, due, ms until it was written, until the first sign of an answer, until all of it]."""
        return [
            self.bot, self.chat, self.update, round(self.due, 4), _ms(self.due, self.posted), _ms(self.due, self.first),
            _ms(self.due, self.complete),
        ]  # fmt: skip


def _ms(due: float, then: float) -> float | None:
    return round((then - due) * 1000, 2) if then else None


@dataclass(slots=True)
class Plan:
    """What a load is. `rate`: questions a second, at random times; without it `parallel` are kept open. The load ends
    after `questions` or `seconds`, and waits `patience` seconds for what is open. `mark`: what stands in a complete
    answer; empty: any message is one. `numbered`: each question ends with a word of its own, which is its mark. `seed`:
    loads with the same one ask the same of the same bots, at the same distances; 0: at random."""

    rate: float
    parallel: int
    questions: int
    seconds: float
    patience: float
    people: int
    mark: str
    numbered: bool
    texts: tuple[str, ...]
    seed: int


@dataclass(eq=False)
class Load:
    """A load that runs."""

    sandbox: Sandbox
    bots: list[SandboxBot]
    plan: Plan
    asked: list[Asked] = field(default_factory=list)
    _open: dict[tuple[int, int], Asked] = field(default_factory=dict)
    _free: dict[int, deque[Chat]] = field(default_factory=dict)
    _answered: asyncio.Event = field(default_factory=asyncio.Event)
    _dice: random.Random = field(init=False)
    _first_text: int = field(init=False)

    def __post_init__(self) -> None:
        self._dice = random.Random(self.plan.seed or None)
        self._first_text = self._dice.randrange(len(self.plan.texts))

    async def run(self) -> None:
        """Asks, and waits until everything is answered or `patience` is over. Its people then wait no more."""
        started = time.time()
        turns = itertools.cycle(self._dice.sample(self.bots, len(self.bots)))
        self.sandbox.observers.append(self.observe)
        try:
            await (self._paced(turns, started) if self.plan.rate else self._closed(turns, started))
            async with asyncio.timeout(self.plan.patience):
                while self._open:
                    await self._change()
        except TimeoutError:
            return
        finally:
            self.sandbox.observers.remove(self.observe)

    def observe(self, bot: SandboxBot, call: Wire) -> None:
        """A call was made: it may be what somebody waits for."""
        method = call["method"].lower()
        if method not in SHOWING or not call["ok"]:
            return
        parameters = call["parameters"]
        try:
            key = bot.id, int(parameters.get("chat_id", 0))
        except ValueError:
            return
        asked = self._open.get(key)
        if asked is None:
            return
        asked.first = asked.first or call["time"]
        if method != DRAFT and asked.mark in str(parameters.get("text", "")):
            asked.complete = call["time"]
            del self._open[key]
            self._free[bot.id].append(bot.chats[key[1]])
            self._answered.set()

    def _over(self, started: float) -> bool:
        plan = self.plan
        return bool(plan.questions and len(self.asked) >= plan.questions) or bool(
            plan.seconds and time.time() - started >= plan.seconds
        )

    async def _paced(self, turns: Iterator[SandboxBot], started: float) -> None:
        """Questions come when they come, whether or not the earlier ones are answered."""
        due = started
        while not self._over(started):
            due += self._dice.expovariate(self.plan.rate)
            if (wait := due - time.time()) > 0:
                await asyncio.sleep(wait)
            elif len(self.asked) % 20 == 0:
                await asyncio.sleep(0)  # late already, but the answers must be seen
            self._ask(next(turns), due)

    async def _closed(self, turns: Iterator[SandboxBot], started: float) -> None:
        while not self._over(started):
            while len(self._open) < self.plan.parallel and not self._over(started):
                self._ask(next(turns), time.time())
            left = self.plan.seconds - (time.time() - started) if self.plan.seconds else None
            try:
                async with asyncio.timeout(left):
                    await self._change()
            except TimeoutError:
                return

    async def _change(self) -> None:
        self._answered.clear()
        await self._answered.wait()

    def _ask(self, bot: SandboxBot, due: float) -> None:
        plan, number = self.plan, next(self.sandbox.serial)
        chat = self._chat(bot)
        words = plan.texts[(self._first_text + len(self.asked)) % len(plan.texts)]
        asked = Asked(bot.id, chat.id, due, f"q{number:07d}" if plan.numbered else plan.mark)
        if plan.numbered:
            words = f"{words} {asked.mark}"
        self.asked.append(asked)
        self._open[bot.id, chat.id] = asked
        asked.posted = time.time()
        _, update = people.write(self.sandbox, bot, chat.members[chat.id], chat, text=words)
        asked.update = update["update_id"] if update else 0

    def _chat(self, bot: SandboxBot) -> Chat:
        """A chat in which nothing is open, the one that rests longest."""
        free = self._free.get(bot.id)
        if free is None:
            free = self._free[bot.id] = deque(self._new_chat(bot) for _ in range(self.plan.people))
        return free.popleft() if free else self._new_chat(bot)

    def _new_chat(self, bot: SandboxBot) -> Chat:
        number = FIRST_PERSON + next(self.sandbox.serial)
        return self.sandbox.private_chat(bot, people.person(self.sandbox, number, f"Person {number}", language="en"))


@routes.post("/sandbox/bots/many")
async def create_bots(request: web.Request) -> web.Response:
    """`bots`: a list of new bots, each with `name`, and `url` and `secret` where its webhook shall be set at once."""
    sandbox, values = request.app[SANDBOX], await read_parameters(request)
    wanted = values.structure("bots", "bots")
    if not isinstance(wanted, list) or not 0 < len(wanted) <= MOST_BOTS or not all(isinstance(x, dict) for x in wanted):
        raise refuse(400, f"`bots` is a list of 1 to {MOST_BOTS} bots")
    made = []
    for one in map(Parameters, wanted):
        bot = sandbox.new_bot(one.text("name").strip()[:64])
        if one.text("url"):
            bot.webhook = Webhook(one.text("url"), one.text("secret"))
            sandbox.start_courier(bot)
        made.append({"id": bot.id, "token": bot.token, "username": bot.username, "name": bot.name})
    return web.json_response({"bots": made}, status=201)


@routes.post("/sandbox/load")
async def run_load(request: web.Request) -> web.Response:
    """Runs a load and answers when it is over. See `Plan`; `bots`: their numbers, default all."""
    sandbox, values = request.app[SANDBOX], await read_parameters(request)
    numbers = values.structure("bots", "bots")
    if numbers is None:
        bots = list(sandbox.bots.values())
    elif isinstance(numbers, list) and all(number in sandbox.bots for number in numbers):
        bots = [sandbox.bots[number] for number in numbers]
    else:
        raise refuse(404, "there is no such bot")
    plan = _plan(values)
    if not bots:
        raise refuse(400, "there is no bot to write to")
    load = Load(sandbox, bots, plan)
    started = time.time()
    await load.run()
    return web.json_response(
        {"started": started, "seconds": time.time() - started, "rows": [asked.row() for asked in load.asked]}
    )


def _plan(values: Parameters) -> Plan:
    texts = values.structure("texts", "texts") or list(DEFAULT_TEXTS)
    if not isinstance(texts, list) or not all(isinstance(text, str) and text.strip() for text in texts):
        raise refuse(400, "`texts` is a list of texts")
    plan = Plan(
        rate=_number(values, "rate"),
        parallel=max(1, values.integer("parallel", 1)),
        questions=min(max(0, values.integer("questions")), MOST_QUESTIONS),
        seconds=_number(values, "seconds"),
        patience=_number(values, "patience", 30.0),
        people=max(1, values.integer("people", 1)),
        mark=values.text("mark"),
        numbered=values.boolean("numbered"),
        texts=tuple(texts),
        seed=max(0, values.integer("seed")),
    )
    if not plan.questions and not plan.seconds:
        raise refuse(400, "a load ends after `questions` or `seconds`")
    return plan


def _number(values: Parameters, name: str, default: float = 0.0) -> float:
    try:
        number = float(values.text(name) or default)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 100_000:
        raise refuse(400, f"`{name}` is a number, 0 or more")
    return number
