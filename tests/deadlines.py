"""How long tests wait, and how they hold work to its time, whatever else the machine has to do."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# Seconds; for what hangs, not for what is slow.
DEADLINE = 120.0


def wait_for(condition: Callable[[], bool], what: str, seconds: float = DEADLINE) -> None:
    """Wait until something is so; fail with its name when it is not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not in {seconds:g} s: {what}"
        time.sleep(0.02)


@contextmanager
def work_of_at_most(seconds: float) -> Iterator[None]:
    """Hold what is done inside to so many seconds of this process's own processor time.

    Other programs' work is not counted: for what formerly took minutes, or for ever.
    """
    started = time.process_time()
    yield
    worked = time.process_time() - started
    assert worked < seconds, f"{worked:.1f} s of work; at most {seconds:g} s"
