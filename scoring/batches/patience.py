"""Waiting for what may never answer: a drive that is gone can block its reader for ever."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

Result = TypeVar("Result")
LOOK_SECONDS = 1.0


class Pulse:
    """Counts the beats of work that goes on."""

    def __init__(self) -> None:
        self.beats = 0

    def beat(self) -> None:
        """Note that the work has come further."""
        self.beats += 1


def within(seconds: float, work: Callable[[Pulse], Result], name: str) -> Result:
    """Return what ``work`` returns; raise TimeoutError when it has no beat for ``seconds``.

    The work is done in a thread of its own, which is left behind then: nothing ends a thread that
    waits for a drive. Raises what the work raises.
    """
    pulse, result = Pulse(), Future[Result]()

    def run() -> None:
        try:
            result.set_result(work(pulse))
        except BaseException as error:
            result.set_exception(error)

    threading.Thread(target=run, name=name, daemon=True).start()
    _wait(result, pulse, seconds)
    return result.result()


def _wait(result: Future[Result], pulse: Pulse, seconds: float) -> None:
    """In short turns: on Windows a wait without an end does not let Ctrl-C through."""
    seen, silent = -1, 0.0
    turn = min(LOOK_SECONDS, seconds)
    while silent < seconds:
        try:
            result.exception(timeout=turn)
        except TimeoutError:
            silent = 0.0 if pulse.beats != seen else silent + turn
            seen = pulse.beats
        else:
            return
    raise TimeoutError(errno.ETIMEDOUT, f"nothing came from it for {seconds:g} s")
