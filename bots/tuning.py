"""How patient the bot manager is. Tests shorten it."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tuning:
    """Times are seconds."""

    parallel_chats: int = 8
    """So many chats of one bot are answered at once; within a chat one after the other."""
    loaded_updates: int = 64
    """So many updates of one bot are held in memory; a longer queue waits in PostgreSQL."""
    tries: int = 5
    """An update that failed so often is set aside."""
    blameless_tries: int = 12
    """An update that failed so often through no fault of its own (Telegram does not answer, a file does not come) is
    set aside as well, if others of its bot went through meanwhile or it is older than `longest_undone`."""
    longest_undone: float = 86_400.0
    retry_delay: float = 1.0
    """Before the second try; doubles with each further one."""
    longest_retry_delay: float = 60.0
    ping_interval: float = 10.0
    """A worker that has work and was not heard of for so long is asked whether it is alive."""
    quiet_ping_interval: float = 30.0
    """The same for one without work: a thousand of them cost a tenth of a core when all are asked every ten seconds."""
    pong_patience: float = 10.0
    """A worker that does not answer a ping for so long hangs, and is killed."""
    most_unread_bytes: int = 8 * 1024 * 1024
    """A worker that has left so much unread hangs as well, whatever it answers."""
    frames_rate: float = 2000.0
    """So many frames a second a worker may send in the long run; the busiest sends a quarter of that."""
    frames_burst: int = 10_000
    longest_frame_bytes: int = 1024 * 1024
    """Of a worker, whose longest one is a question: twice `bundles.NEIGHBOURS` messages at most, with their quotes."""
    answer_pong_patience: float = 15.0
    """The same for an answer process, which all bots wait for. Four times as long for its first pong, after imports."""
    answer_memory_mb: int = 1024
    """An answer process that has more memory of its own is replaced, when its answers are given."""
    answers_capacity: float = 40.0 * (os.cpu_count() or 1)
    """So many answers a second are divided among the bots that are busy at the time. A single one has no bound."""
    answers_share: float = 2.0 * (os.cpu_count() or 1)
    """So many answers a second a bot may begin however many others are busy."""
    updates_rate: float = 50.0
    """So many updates a second are taken in for one bot when no other is busy; Telegram, which lets a bot write 30,
    keeps the rest. Beside others it is the bot's part of `answers_capacity`, at least `updates_share`."""
    updates_share: float = 1.0 * (os.cpu_count() or 1)
    updates_burst: int = 30
    begun_at_once: int = 4
    """So many updates of one bot are begun at once, further ones as fast as they are taken in."""
    longest_hold: float = 5.0
    """A post that would have to wait longer is refused after so long, and Telegram brings it again."""
    start_patience: float = 15.0
    drain_patience: float = 10.0
    """So long a worker may finish what it has when the manager stops."""
    crash_delay: float = 0.5
    """Before a crashed worker is replaced; doubles with each further crash."""
    crashes_allowed: int = 5
    crash_window: float = 600.0
    """More crashes than allowed within this time: the bot is quarantined."""
    reconcile_interval: float = 10.0
    full_look_interval: float = 600.0
    """So often all bots are looked at, not only those that changed since the last time."""
    lease_seconds: float = 15.0
    """A manager that was not heard of for so long is dead for the others, which take its bots."""
    lease_renewal: float = 5.0
    settled_seconds: float = 10.0
    """A manager that is new hands over nothing and is handed nothing for so long: it may be gone again."""
    poll_seconds: int = 50
    """The longest poll that Telegram grants. Each takes between half of it and all, at random: after a start or an
    outage thousands of them begin at once, and would end at once again and again."""
    poll_retry: float = 1.0
    """After a failed poll; doubles up to `longest_poll_retry`."""
    longest_poll_retry: float = 60.0
    conflict_retry: float = 2.0
    """After a poll that collided with another one; doubles up to `longest_poll_retry`: ours ends the other's too."""


def backoff(first: float, times: int, longest: float, dice: float) -> float:
    """The wait after so many failures (from 1): doubled each time, bounded, and spread by `dice` in [0, 1)."""
    return min(first * 2.0 ** min(times - 1, 30), longest) * (0.5 + dice / 2)
