"""aiogram's models, built when they are first used, against the same built at once."""

from __future__ import annotations

import subprocess
import sys

_SHOW = """
import hashlib, json, re, sys
{first}
import aiogram.methods, aiogram.types
from aiogram.methods import TelegramMethod
from aiogram.types.base import TelegramObject

def below(cls):
    for one in cls.__subclasses__():
        yield one
        yield from below(one)

models = sorted({{*below(TelegramObject), *below(TelegramMethod)}}, key=lambda cls: (cls.__module__, cls.__name__))
models = [cls for cls in models if cls.__module__.startswith("aiogram.") and "[" not in cls.__name__]
print(len(models), sum(cls.__pydantic_complete__ for cls in models))
sys.setrecursionlimit(20_000)

def said(cls):
    cls.model_rebuild()
    fields = {{name: repr(field) for name, field in cls.model_fields.items()}}
    told = re.sub(" at 0x[0-9a-f]+", "", json.dumps([fields, str(cls.__signature__)]))
    return hashlib.sha256(told.encode()).hexdigest()

for cls in models:
    print(cls.__module__, cls.__name__, said(cls))
"""
_PARSE = """
{first}
import json
from aiogram.types import Update
from bots.warmup import EXAMPLES
for number, example in enumerate(EXAMPLES):
    update = Update.model_validate({{"update_id": number, **example}})
    print(update.model_dump_json(exclude_none=True), type(update.event).__name__)
"""
_HELD = """
import sys
{first}
print(*(name for name in sys.modules if "." not in name))
"""
_LATER = """
{first}
from unittest.mock import Mock, sentinel
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram import Bot
print(sentinel.some, Mock(return_value=True)())
print(AiohttpSession.__name__)
try:
    Bot("1:" + "a" * 35)
except TypeError as error:
    print(type(error).__name__)
"""


def run(program: str, first: str) -> list[str]:
    command = [sys.executable, "-c", program.format(first=first)]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout.splitlines()


def test_every_model_is_the_same_when_it_is_built_later() -> None:
    head, *eager = run(_SHOW, "")
    lean_head, *lean = run(_SHOW, "import bots.lean_models")
    total, complete = map(int, head.split())
    lean_total, lean_complete = map(int, lean_head.split())
    assert total == lean_total > 500
    assert complete > 0.9 * total  # else aiogram does by itself what is done here
    assert lean_complete < 20
    assert eager == lean


def test_a_zygote_holds_nothing_that_a_bots_process_does_not_use() -> None:
    [held] = run(_HELD, "import bots.zygote")
    assert not {"aiohttp", "unittest", "yarl", "sqlalchemy", "psycopg", "uvloop"} & set(held.split())


def test_who_comes_later_gets_what_aiogram_was_kept_from() -> None:
    assert run(_LATER, "import bots.lean_models") == ["sentinel.some True", "AiohttpSession", "TypeError"]


def test_updates_are_understood_alike() -> None:
    assert run(_PARSE, "") == run(_PARSE, "import bots.lean_models")
