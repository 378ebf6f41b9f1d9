"""What forked processes share: memory that is only read stays the zygote's, and everything works as before."""

import signal
import subprocess
import sys
import types

import pytest

from bots import heap, sharing
from bots.session import build_session
from bots.warmup import be_born

linux = pytest.mark.skipif(sys.platform != "linux", reason="memory is counted otherwise")
glibc = pytest.mark.skipif(heap.LIBC is None, reason="malloc is another one")
immortal = pytest.mark.skipif(not sharing._KNOWS_IMMORTALS, reason="the interpreter knows no immortal objects")

COUNTING = """
import gc, os, re, sys
from bots import heap, sharing

def own_pages() -> int:
    with open("/proc/self/smaps_rollup") as rollup:
        return int(re.search(r"Private_Dirty: +(\\d+) kB", rollup.read())[1]) // 4

def in_child(run) -> int:
    '''The pages that become a forked process's own by this.'''
    told, telling = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            before = own_pages()
            held = run()
            os.write(telling, str(own_pages() - before).encode())
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    return int(os.read(told, 100))
"""


def run(script: str) -> None:
    subprocess.run([sys.executable, "-c", COUNTING + script], check=True, timeout=60)


def adder(step: int) -> types.FunctionType:
    def add(number: int, by: int = 1000) -> int:
        return number + by + step + len([None for _ in range(2)])

    return add


def test_gathered_code_does_the_same_and_lies_side_by_side():
    functions = [adder(step) for step in range(5)]
    others = [adder(9)]
    before = [function.__code__ for function in functions]
    assert sharing.gather_code(lambda: [function(1) for function in functions]) >= 6  # equal code goes with them
    assert [function(1) for function in functions] == [1003, 1004, 1005, 1006, 1007]
    assert others[0](1, by=1) == 13
    assert all(function.__code__ == old for function, old in zip(functions, before, strict=True))
    assert all(function.__code__ is not old for function, old in zip(functions, before, strict=True))
    assert functions[0].__code__.co_code == before[0].co_code


def test_what_only_a_forked_process_executes_is_gathered_too():
    def in_parent() -> None: ...

    def in_child() -> str:
        return "a child"

    def unused() -> str:
        return "nobody"

    before = [function.__code__ for function in (in_parent, in_child, unused)]
    sharing.gather_code(in_parent, in_child)
    after = [function.__code__ for function in (in_parent, in_child, unused)]
    assert [new is old for new, old in zip(after, before, strict=True)] == [False, False, True]


def test_a_forked_process_that_fails_tells_what_it_executed_and_one_that_hangs_holds_nobody_up(monkeypatch):
    def fails() -> None:
        adder(1)
        raise SystemExit(1)

    def hangs() -> None:
        signal.pause()

    monkeypatch.setattr(sharing, "_CHILD_SECONDS", 1)
    functions = sharing._functions()
    assert {"fails", "adder"} <= {code.co_name for code in sharing._seen_in_child(fails, functions)}
    assert sharing._seen_in_child(hangs, functions) == []


def test_a_process_is_born_as_bots_processes_are():
    session = build_session()
    seen = sharing._seen_in_child(lambda: be_born(session), sharing._functions())
    names = {code.co_qualname for code in seen}
    assert {"_come_of_age", "limit_memory", "restrict_reach", "Worker.__init__", "Wire.eof_received"} <= names


@linux
@immortal
def test_what_is_used_is_not_copied():
    run("""
class Thing:
    def __init__(self, number):
        self.name, self.numbers, self.more = f"thing {number}", [number + 0.5], {"of": (number + 1000, b"%d" % number)}

things = [Thing(number) for number in range(20_000)]

def use():
    held = [(thing, thing.name, thing.numbers[0], thing.more["of"][0], thing.more["of"][1]) for thing in things]
    return held

use()
before = in_child(use)
sharing.share()
after = in_child(use)
held = 20_000 * (40 + 5 * 8 + 16 + 8) // 4096 + 100  # the tuples themselves, and the list
assert before > 2500, before
assert after < held, (after, held)
""")


@linux
def test_what_is_immortal_works_as_before():
    run("""
import weakref

class Thing:
    pass

ended, thing, shared, words = [], Thing(), {"one": [1]}, ["a", "b"]
weakref.finalize(thing, ended.append, "early")
sharing.share()

def live():
    gc.enable()
    shared["two"] = [2]
    shared["one"].append(2)
    shared.pop("one")
    words.extend(str(number) for number in range(10_000))
    words.clear()
    for _ in range(1000):
        late = Thing()
        late.itself, late.shared = late, (shared, words, thing)
        weakref.finalize(late, ended.append, "late")
        del late
    gc.collect()
    assert ended.count("late") == 1000 and "early" not in ended, ended
    assert shared == {"two": [2]} and words == []
    assert sys.intern("".join(["th", "ing of ours"])) == "thing of ours"

in_child(live)
live()
""")


@linux
def test_free_places_in_pages_are_filled():
    run("""
keep = [bytes(100) for _ in range(200_000)]
del keep[::2]
free = sum(size * blocks for size, blocks in sharing._free_blocks().items())
assert free > 5_000_000, free
assert sharing._fill_pages() > 5_000_000
left = sum(size * blocks for size, blocks in sharing._free_blocks().items())
assert left < 200_000, left
""")


@linux
@glibc
def test_what_is_allocated_after_lies_on_pages_of_its_own():
    run("""
rows = [bytearray(2_000) for _ in range(20_000)]
del rows[::2]
own_pages()  # has malloc sort what became free
fresh = lambda: [bytearray(1_900) for _ in range(5_000)]
before = in_child(fresh)
taken = sharing._fill_heap()
assert 18_000_000 < taken < 30_000_000, taken
after = in_child(fresh)
assert after < before * 0.7, (before, after)
assert sharing._fill_heap() < 200_000
""")
