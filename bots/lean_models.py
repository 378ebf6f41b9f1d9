"""Imports aiogram without building its models: each builds its validator when it is first used.

aiogram builds all of its six hundred models as it is imported, each with its own copy of whatever it refers to: 120 MB
and two seconds of CPU. A bot's process needs two dozen of them, and `Update` holds all that Telegram sends. What the
zygote does not hold need not be copied by each fork either: 1 ms instead of 3, and half the page tables.

Has to be imported before aiogram. Where pydantic is not as expected, aiogram is imported as it is: fatter, not less
right.
"""

from __future__ import annotations

import importlib
import logging
from contextlib import suppress
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


def _import_aiogram() -> None:
    if construction is None:
        importlib.import_module("aiogram")
        return
    construction.complete_model_class = put_off
    try:
        importlib.import_module("aiogram")
    finally:
        construction.complete_model_class = complete


_import_aiogram()
