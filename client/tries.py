"""The tries that one question to the server has."""

from __future__ import annotations

import logging
from collections.abc import Callable

from msgspec import Struct, field
from tenacity import Retrying

from client.retry_policy import failure, reason, retrying
from client.stop_signal import StopSignal
from scoring.settings import ClientSettings

log = logging.getLogger("scoring.client")


def log_failure(error: BaseException) -> None:
    """Write a try that failed to the log."""
    log.warning("%s; trying again", reason(error))


class Tries(Struct, frozen=True):
    """How often, how far apart and until when; ``tell`` hears of each that failed but the last."""

    options: ClientSettings
    stop: StopSignal = field(default_factory=StopSignal)
    tell: Callable[[BaseException], None] = log_failure

    def policy(self) -> Retrying:
        """Return the policy to loop over; it raises the last error as it was."""

        def told(error: BaseException | None) -> None:
            if error:
                self.tell(error)

        return retrying(
            self.options, self.stop.window, self.stop.sleep, lambda state: told(failure(state))
        )
