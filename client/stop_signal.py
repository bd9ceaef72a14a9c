"""Why and when a run should end early."""

from __future__ import annotations

import threading

from client.retry_policy import RunWindow
from scoring.protocol.errors import ExitCode, ScoringError


class Interrupted(ScoringError):
    """The run was stopped and can be resumed."""

    code = "interrupted"
    exit_code = ExitCode.PARTIAL


class StopSignal:
    """Asks a run to end after the chunk in hand.

    The run window ending closes the run as partial; any other stop (Ctrl-C, the scheduler gone)
    leaves it to be resumed.
    """

    def __init__(self, window: RunWindow | None = None) -> None:
        self.window = window or RunWindow()
        self._event = threading.Event()
        self._asked = False
        self._window_closed = False

    def request(self, *, window_closed: bool = False) -> None:
        """Ask for the end; ``window_closed``: the scheduler says that the run's time is over."""
        self._window_closed = self._window_closed or window_closed
        self._asked = True
        self._event.set()

    def give_up(self) -> None:
        """Ask for the end of what is under way: its ledger is lost, nobody waits for answers."""
        self._event.set()

    def begin_again(self) -> None:
        """Take back ``give_up``, for the run goes on; a stop that was asked for stands."""
        self._event.clear()
        if self._asked:
            self._event.set()

    @property
    def window_over(self) -> bool:
        """Whether the run has had its time, by the scheduler's word or by its own clock."""
        return self._window_closed or self.window.left() == 0.0

    @property
    def requested(self) -> bool:
        """Whether the run should end, for whatever reason."""
        return self._event.is_set() or self.window_over

    def raise_if_requested(self) -> None:
        """Raise Interrupted once a stop is asked for."""
        if self.requested:
            raise Interrupted("stopped before all images were scored")

    def sleep(self, seconds: float) -> None:
        """Sleep, but not past a stop."""
        self._event.wait(seconds)
