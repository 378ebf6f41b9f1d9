"""Keeps the memory of the forked processes shared: what the zygote does before it forks.

A forked process owns a copy of each 4 kB page that it writes to. What helps, with what it brought a worker:

- What is there becomes immortal (`_make_immortal`), from Python 3.12 on: reference counts lie within the objects, so to
  use one is to write to its page, but those of immortal objects are not counted. 3.0 MB of 5.
- What runs in workers lies together (`gather_code`): fewer pages are touched, and far fewer written to. 0.8 MB.
- Free places in half-used pages are taken (`_fill_pages`, `_fill_heap`), so that what a worker allocates begins on
  pages of its own instead of making many shared ones its own. 0.5 MB.

Large pages (MADV_COLLAPSE) would halve a fork's time. But whatever of the kernel looks for who uses a page, as when
memory is short, then looks at five hundred entries in each of a thousand processes: that cost a third of a core.

docs/decisions/0012 and 0036 have the rest of the figures.
"""

from __future__ import annotations

import ctypes
import gc
import mmap
import os
import re
import signal
import struct
import sys
import tempfile
from collections.abc import Callable
from types import CodeType, FrameType, FunctionType
from typing import Any, Self

from bots.heap import LIBC

_BYTES_OVERHEAD = sys.getsizeof(b"")
_POOL_LINE = re.compile(r"\s*\d+\s+(\d+)\s+\d+\s+\d+\s+(\d+)\s*")
"""A size class in `sys._debugmallocstats`: number, bytes of a block, pools, blocks in use, free blocks."""

_LARGEST_CHUNK, _SMALLEST_CHUNK = 120 * 1024, 24
"""In bytes: above, malloc gives a mapping of its own, which is gone when it is free."""
_LARGEST_IN_CACHE, _STEP = 1040, 16
"""Up to it, malloc keeps some free chunks of each size, at steps of 16 bytes, for requests of just that size."""

_KNOWS_IMMORTALS = (
    sys.implementation.name == "cpython"
    and (3, 12) <= sys.version_info < (3, 14)
    and sys.byteorder == "little"
    and ctypes.sizeof(ctypes.c_void_p) == 8
    and "t" not in sys.abiflags
    and not hasattr(sys, "gettotalrefcount")
    and not hasattr(sys, "getobjects")
)
"""Whether an object begins with its reference count, whose lower half tells that it is immortal. So it is in these
versions, unless built without the global lock or for debugging."""

_LEAST_IMMORTAL = 2**31
_LEARNING_ROUNDS = 3
_CHILD_SECONDS = 10
_MOST_TOLD = 4096
"""So much code may a forked process tell of."""

_kept: list[object] = []


def share() -> None:
    """Gets what is there ready to be shared with forked processes. The last thing before the first fork, done once."""
    gc.collect()
    _make_immortal()
    _fill_pages()
    _fill_heap()
    gc.freeze()
    gc.collect()  # of nothing: else a worker, by the number of objects here, puts its own collections off


def gather_code(run: Callable[[], object], in_child: Callable[[], object] | None = None) -> int:
    """Puts the code that `run` executes side by side; how many functions have it now.

    The interpreter keeps what it learns of code within the code. First comes what it still writes to when `run` has
    been executed again and again, with what only a forked process executes, then what is only read.

    A function keeps its identity; its code becomes a copy, made in the order of first use.

    Args:
        run: Executes what is executed often. Is called some times.
        in_child: Is executed in a forked process, once.
    """
    with _Seen() as seen:
        run()
    read = seen.order
    for _ in range(_LEARNING_ROUNDS):
        run()
    learnt = {id(code): _learnt(code) for code in read}
    run()
    written = [code for code in read if _learnt(code) != learnt[id(code)]]
    functions = _functions()
    born = _seen_in_child(in_child, functions) if in_child is not None else []
    place = {code: number for number, code in enumerate(dict.fromkeys((*written, *born, *read)))}
    used = [(place[function.__code__], function) for function in functions if function.__code__ in place]
    used.sort(key=lambda pair: pair[0])
    # Equal code of different functions (a dataclass's, a lambda's) stays one object each, as it was.
    copies: dict[int, tuple[CodeType, CodeType]] = {}
    for code in place:
        _ = code.co_code, code.co_varnames, code.co_cellvars, code.co_freevars  # made now, and kept with the originals
    _fill_pages()
    _fill_heap()
    for _place, function in used:
        function.__code__ = _copy(function.__code__, copies)
    return len(used)


def _functions() -> list[FunctionType]:
    return [one for one in gc.get_objects() if isinstance(one, FunctionType)]


def _learnt(code: CodeType) -> bytes:
    """The instructions as the interpreter has rewritten them, with what it counts between them."""
    return code._co_code_adaptive  # type: ignore[attr-defined, no-any-return]  # CPython's own


class _Seen:
    """Code, in the order of first use."""

    def __init__(self) -> None:
        self.order: list[CodeType] = []
        self._known: set[int] = set()

    def __enter__(self) -> Self:
        sys.setprofile(self._see)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _see(self, frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        if event == "call" and id(code) not in self._known:
            self._known.add(id(code))
            self.order.append(code)


def _seen_in_child(run: Callable[[], object], functions: list[FunctionType]) -> list[CodeType]:
    """The code of these functions that is executed in a forked process, from the fork on, in the order of first use."""
    with mmap.mmap(-1, _MOST_TOLD * 8) as told:
        with _Seen() as seen:
            try:
                pid = os.fork()
            except OSError:
                return []
            if pid == 0:
                signal.alarm(_CHILD_SECONDS)  # one that hangs must not hold up the zygote
                try:
                    run()
                finally:
                    addresses = [id(code) for code in seen.order][:_MOST_TOLD]
                    told.write(struct.pack(f"={len(addresses)}Q", *addresses))
                    os._exit(0)
        os.waitpid(pid, 0)
        addresses = list(struct.unpack(f"={_MOST_TOLD}Q", told))
    known = {id(one.__code__): one.__code__ for one in functions}
    return [known[address] for address in addresses if address in known]


def _copy(code: CodeType, copies: dict[int, tuple[CodeType, CodeType]]) -> CodeType:
    """The copies keep their originals alive, so that an id means one object."""
    if id(code) not in copies:
        constants = tuple(_copy(value, copies) if isinstance(value, CodeType) else value for value in code.co_consts)
        copies[id(code)] = (code, code.replace(co_consts=constants))
    return copies[id(code)][1]


def _make_immortal() -> int:
    """Makes all objects immortal that are there; how many. None where the interpreter knows no such objects.

    PEP 683, which has immortal objects, names forked processes as a reason for them, but gives no call to make some.
    The mark is a reference count as None has it. What is marked is never freed, and need not be: workers share it.
    """
    if not _KNOWS_IMMORTALS:
        return 0
    count_of = ctypes.c_uint32.from_address
    immortal = count_of(id(None)).value
    new = gc.get_objects()
    for one in new:
        count_of(id(one)).value = immortal
    marked = len(new)
    while new:
        # What the collector does not know (strings, numbers, code) is found through what it knows.
        referents = gc.get_referents(*new)
        referents += [part for one in new if isinstance(one, CodeType) for part in _parts(one)]
        new = []
        for one in referents:
            if sys.getrefcount(one) < _LEAST_IMMORTAL:
                count_of(id(one)).value = immortal
                new.append(one)
        marked += len(new)
    return marked


def _parts(code: CodeType) -> tuple[object, ...]:
    """The objects that code refers to: it does not tell the collector of them."""
    return (
        code.co_consts,
        code.co_names,
        code.co_name,
        code.co_qualname,
        code.co_filename,
        code.co_linetable,
        code.co_exceptiontable,
    )


def _fill_pages() -> int:
    """Takes the free blocks between the zygote's objects, for good; how many bytes."""
    free = _free_blocks()
    filling: list[object] = [None] * sum(free.values())
    place = taken = 0
    for size, blocks in free.items():
        if size <= _BYTES_OVERHEAD:
            continue
        for _ in range(blocks):
            filling[place] = bytes(size - _BYTES_OVERHEAD)
            place += 1
        taken += size * blocks
    _kept.append(filling)
    return taken


def _fill_heap() -> int:
    """Takes the free chunks of malloc's heap, for good, from the largest to the smallest; how many bytes."""
    if LIBC is None:
        return 0
    malloc, free, sbrk = LIBC.malloc, LIBC.free, LIBC.sbrk
    malloc.restype = sbrk.restype = ctypes.c_void_p
    malloc.argtypes, free.argtypes, sbrk.argtypes = [ctypes.c_size_t], [ctypes.c_void_p], [ctypes.c_ssize_t]
    LIBC.malloc_trim(0)
    end, taken, size = sbrk(0), 0, _LARGEST_CHUNK
    while size >= _SMALLEST_CHUNK:
        while (chunk := malloc(size)) is not None and chunk + size <= end:
            taken += size
        free(chunk)  # it lies behind what was the heap: of this size, none was free
        size -= _STEP if size <= _LARGEST_IN_CACHE else size // 20 // _STEP * _STEP
    return taken


def _free_blocks() -> dict[int, int]:
    """Bytes of a block → how many are free in pages that are in use; nothing where CPython's allocator is not used."""
    show = getattr(sys, "_debugmallocstats", None)
    if show is None:
        return {}
    with tempfile.TemporaryFile() as told:
        # It speaks to the C library's stderr, whatever that is.
        stderr = os.dup(2)
        os.dup2(told.fileno(), 2)
        try:
            show()
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
        told.seek(0)
        lines = told.read().decode("ascii", "replace").splitlines()
    return {int(found[1]): int(found[2]) for line in lines if (found := _POOL_LINE.fullmatch(line))}
