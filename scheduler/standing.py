"""``python -m scheduler``: stays, and runs what is due every day."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from datetime import tzinfo

from scheduler.clock import SystemClock
from scheduler.console import shown_meanwhile
from scheduler.jobs import run_jobs
from scheduler.launcher import ProcessLauncher
from scheduler.nightly import Nightly
from scheduler.settings_watch import SettingsWatch, settings_that_differ
from scoring.machine_zone import look_anew, same_zone, zone_name
from scoring.processes.locks import instance_lock
from scoring.processes.stop_signals import on_stop_signals
from scoring.protocol.errors import ExitCode, ScoringError
from scoring.records.due_days import Policy
from scoring.settings import Settings, load_settings

COMMAND = "python -m scheduler"


def run_standing(settings: Settings) -> ExitCode:
    """Run until asked to stop, or until the software was updated beneath it.

    Raises Busy where this folder's scheduler is up already.
    """
    stop = threading.Event()
    on_stop_signals(stop.set, terminal_closed=True)
    watch = SettingsWatch(settings.project)
    with shown_meanwhile(), Standing(settings, watch, stop) as standing:
        run_jobs(standing.policy, standing.reconcile, stop, watch.has_news)
    # Whoever keeps the scheduler up starts it anew then: with the software as it is now.
    return ExitCode.FAILED if standing.is_outdated else ExitCode.DONE


class Standing:
    """The night's logic by the settings that hold now; a change of them is taken up.

    Use it as a context manager: it holds the lock of the one scheduler, and leaving it stops
    server and client.
    """

    def __init__(self, settings: Settings, watch: SettingsWatch, stop: threading.Event) -> None:
        self._watch = watch
        self._stop = stop
        self._trouble = ""
        self.is_outdated = False
        self._lock = ExitStack()
        self._begin(settings)

    def _begin(self, settings: Settings, *, knew_ledger: bool = False) -> None:
        self._settings: Settings = settings
        self._zone: tzinfo = settings.zone
        clock = SystemClock(self._zone, self._stop)
        launcher = ProcessLauncher(settings)
        self._nightly = Nightly(
            settings, clock, launcher, self._stop.is_set, knew_ledger=knew_ledger
        )

    def __enter__(self) -> Standing:
        self._lock.enter_context(instance_lock(self._settings, COMMAND))
        self._nightly.start_up()
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._nightly.shut_down()

    def policy(self) -> Policy:
        """Return when runs are due, by the settings that hold now."""
        return self._nightly.policy

    def reconcile(self) -> None:
        """Take up what has changed, then do what is due."""
        if not self._stop.is_set() and not self._watch.is_being_written():
            self._take_up_changes()
        self._nightly.reconcile()
        if self._nightly.is_outdated and not self.is_outdated:
            self.is_outdated = True
            self._nightly.say_that_it_is_outdated()
            self._stop.set()

    def _take_up_changes(self) -> None:
        """Go on with the settings as they are now; with the old ones where these are wrong."""
        try:
            look_anew()
            settings = load_settings()
            if settings == self._settings and same_zone(settings.zone, self._zone):
                self._trouble = ""
                return
            self._move_lock(settings)
        except ScoringError as error:
            self._tell_trouble(str(error))
            return
        self._trouble = ""
        changed = settings_that_differ(self._settings, settings) or [self._other_zone(settings)]
        self._nightly.stop_server()  # by its old settings; what is wanted now is started anew
        self._begin(settings, knew_ledger=self._nightly.knew_ledger)
        self._nightly.say_what_changed(", ".join(changed))

    def _other_zone(self, settings: Settings) -> str:
        """Say what is new of the zone where no setting is."""
        name = zone_name(settings.zone)
        return f"the rules of {name}" if name == zone_name(self._zone) else "the machine's zone"

    def _move_lock(self, settings: Settings) -> None:
        """Hold the lock where the ledger is now; raises Busy where another scheduler does."""
        if settings.ledger_file.parent == self._settings.ledger_file.parent:
            return
        lock = ExitStack()
        lock.enter_context(instance_lock(settings, COMMAND))
        self._lock.close()
        self._lock = lock

    def _tell_trouble(self, trouble: str) -> None:
        """Tell the same trouble once, not every minute."""
        if trouble != self._trouble:
            self._trouble = trouble
            self._nightly.say_what_is_wrong(trouble)
