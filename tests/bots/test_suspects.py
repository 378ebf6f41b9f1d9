"""Which question an answer process died of."""

from __future__ import annotations

from bots.suspects import TRIAL_SECONDS, Suspects

DEADLY, FIRST, SECOND = ("a", 1, "answer"), ("b", 1, "answer"), ("c", 1, "answer")


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_who_was_alone_is_blamed_at_once():
    suspects = Suspects(Clock())
    assert set(suspects.process_ended({DEADLY})) == {DEADLY}


def test_of_many_the_deadly_one_is_found_and_the_others_are_not_blamed():
    clock = Clock()
    suspects = Suspects(clock)
    for _ in range(2):
        for question in (DEADLY, FIRST, SECOND):
            suspects.begin(question)
        assert set(suspects.process_ended({DEADLY, FIRST, SECOND})) == set()
        for question in (DEADLY, FIRST, SECOND):
            suspects.end(question, answered=False)
    assert DEADLY in suspects
    suspects.begin(FIRST)
    assert suspects.free_in == TRIAL_SECONDS
    clock.now += TRIAL_SECONDS
    assert suspects.free_in == 0
    suspects.begin(DEADLY)
    assert set(suspects.process_ended({DEADLY, FIRST})) == {DEADLY}
    for question in (DEADLY, FIRST):
        suspects.end(question, answered=False)
    suspects.begin(FIRST)
    suspects.end(FIRST, answered=True)
    assert FIRST not in suspects
    assert suspects.free_in == 0


def test_an_end_without_a_suspect_blames_nobody():
    suspects = Suspects(Clock())
    for _ in range(2):
        suspects.process_ended({DEADLY, FIRST})
    suspects.begin(DEADLY)  # in another process
    assert set(suspects.process_ended({SECOND, ("d", 1, "answer")})) == set()
    assert suspects.free_in > 0
