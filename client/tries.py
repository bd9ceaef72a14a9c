"""The tries that one question to the server has."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from msgspec import Struct, field
from tenacity import Retrying

from client.retry_policy import can_heal, failure, reason, retrying
from client.stop_signal import StopSignal
from scoring.settings import ClientSettings

log = logging.getLogger("scoring.client")

Told = TypeVar("Told")
# Waits so many seconds at most; tells whether somebody has come back who may answer by now.
Wait = Callable[[float], bool]


def log_failure(error: BaseException) -> None:
    """Write a try that failed to the log."""
    log.warning("%s; trying again", reason(error))


class Tries(Struct, frozen=True):
    """How often, how far apart and until when; ``tell`` hears of each that failed but the last."""

    options: ClientSettings
    stop: StopSignal = field(default_factory=StopSignal)
    tell: Callable[[BaseException], None] = log_failure

    def ask(
        self, question: Callable[[], Told], before: Callable[[int], object], wait: Wait
    ) -> Told:
        """Return the first answer within the tries there are; raises what the last one raised.

        ``before`` is called before each try, with its number. Whoever comes back while the next
        one is waited for is asked at once: that is no try, and spends none.
        """
        # Tenacity's objects hold each other, and ``between`` with them, until the collector comes:
        # nothing of a chunk stays there.
        asked, found = [question], list[Told]()

        def between(seconds: float) -> None:
            until, left = time.monotonic() + seconds, seconds
            while not found and wait(left):
                try:
                    found.append(asked[0]())
                except Exception as error:
                    if not can_heal(error):
                        raise
                left = max(0.0, until - time.monotonic())

        try:
            for attempt in self.policy(between):
                with attempt:
                    if not found:
                        before(attempt.retry_state.attempt_number)
                        found.append(question())
        finally:
            asked.clear()
        return found.pop()

    def policy(self, sleep: Callable[[float], None]) -> Retrying:
        """Return the policy to loop over; it raises the last error as it was."""

        def told(error: BaseException | None) -> None:
            if error:
                self.tell(error)

        return retrying(self.options, self.stop.window, sleep, lambda state: told(failure(state)))
