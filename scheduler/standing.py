"""``python -m scheduler``: stays, and runs what is due every day."""

from __future__ import annotations

import threading
from datetime import timedelta

from scheduler.clock import SystemClock
from scheduler.jobs import job_table, run_jobs
from scheduler.launcher import ProcessLauncher
from scheduler.nightly import Nightly
from scoring.processes.locks import instance_lock
from scoring.processes.stop_signals import on_stop_signals
from scoring.protocol.errors import ExitCode
from scoring.records.due_days import Policy
from scoring.settings import Settings


def run_standing(settings: Settings) -> ExitCode:
    """Run until asked to stop; raises Busy where this folder's scheduler is up already."""
    stop = threading.Event()
    on_stop_signals(stop.set, terminal_closed=True)
    with instance_lock(settings, "python -m scheduler"):
        policy = Policy.from_settings(settings)
        clock = SystemClock(settings.zone, stop)
        nightly = Nightly(settings, clock, ProcessLauncher(settings), stop.is_set)
        nightly.start_up()
        grace = timedelta(hours=settings.schedule.catch_up_hours)
        try:
            run_jobs(job_table(policy, nightly.reconcile), grace, stop)
        finally:
            nightly.shut_down()
    return ExitCode.DONE
