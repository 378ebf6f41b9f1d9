"""Imports aiogram without what a bot's process does not use: what the zygote does not hold, no fork has to copy.

aiogram builds all of its six hundred models as it is imported, each with its own copy of whatever it refers to: 120 MB
and two seconds of CPU. A bot's process needs two dozen of them, and `Update` holds all that Telegram sends. So each
model builds its validator when it is first used.

It also imports aiohttp for a session that ours takes the place of, and unittest for one small class: 12 MB more.

Has to be imported before aiogram. Where pydantic is not as expected, the models are built at once: fatter, not less
right.
"""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import ModuleType
from typing import Any

log = logging.getLogger(__name__)

try:
    from pydantic._internal import _model_construction as construction
    from pydantic._internal._fields import rebuild_model_fields
    from pydantic._internal._generics import get_model_typevars_map
    from pydantic._internal._mock_val_ser import set_model_mocks

    complete = construction.complete_model_class
except (ImportError, AttributeError):
    log.warning("pydantic is not as expected: bots' processes will take more memory")
    construction = None  # type: ignore[assignment]  # then nothing is put off


def put_off(cls: Any, config_wrapper: Any, ns_resolver: Any, **_: Any) -> bool:
    """In the place of pydantic's `complete_model_class`: resolves what the fields' annotations name, which only the
    importing module can, and leaves the rest for the first use."""
    if not cls.__pydantic_fields_complete__:
        with suppress(NameError):  # not known yet: aiogram comes back to it when all its types are there
            cls.__pydantic_fields__, cls.__pydantic_extra_info__ = rebuild_model_fields(
                cls,
                config_wrapper=config_wrapper,
                ns_resolver=ns_resolver,
                typevars_map=get_model_typevars_map(cls),
            )
    set_model_mocks(cls)
    return False


class _Sentinel:
    """As `unittest.mock` makes them: equal to nothing else, and shown by its name."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return f"sentinel.{self._name}"


class _Sentinels:
    """The same one for the same name."""

    def __getattr__(self, name: str) -> _Sentinel:
        made = self.__dict__[name] = _Sentinel(name)
        return made


class _NoSession:
    """In the place of aiogram's own session, which it makes for a bot that gets none."""

    def __init__(self, *_: object, **__: object) -> None:
        raise TypeError("a bot's process has one session, which each Bot is given")


_IN_THEIR_PLACE: dict[str, dict[str, object]] = {
    "unittest": {},
    "unittest.mock": {"sentinel": _Sentinels()},
    "aiogram.client.session.aiohttp": {"AiohttpSession": _NoSession},
}


@contextmanager
def _left_out() -> Iterator[None]:
    """While aiogram is imported it gets these modules, with what it takes from them; whoever comes later, real ones."""
    missing = [name for name in _IN_THEIR_PLACE if name not in sys.modules]
    for name in missing:
        sys.modules[name] = ModuleType(name)
        vars(sys.modules[name]).update(_IN_THEIR_PLACE[name])
    try:
        yield
    finally:
        for name in missing:
            del sys.modules[name]


def _import_aiogram() -> None:
    if construction is not None:
        construction.complete_model_class = put_off
    try:
        with _left_out():
            importlib.import_module("aiogram")
    finally:
        if construction is not None:
            construction.complete_model_class = complete


_import_aiogram()
