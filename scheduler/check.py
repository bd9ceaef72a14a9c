"""``python -m scheduler check``: will tonight's run work? One line for each thing it needs.

What the night will do is tried here, and nothing is made or mended by it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

from scheduler.check_alerts import check_alerts
from scheduler.check_files import (
    check_batches,
    check_disk,
    check_folders,
    check_ledger,
    check_results,
)
from scheduler.check_models import check_labels, check_models, check_thresholds
from scheduler.check_serving import check_client, check_port, check_programs
from scheduler.check_times import check_next_run, check_scheduler, check_window, check_zone
from scheduler.finding import Finding
from scoring.protocol.errors import ExitCode
from scoring.settings import LOCAL_FILE, TRACKED_FILE, Settings

Check = Callable[[Settings], Iterator[Finding]]


def show_check(settings: Settings) -> ExitCode:
    """Write a line for each check to stdout; FAILED when one of them says that it will not work."""
    failed = False
    for check in CHECKS:
        for finding in check(settings):
            failed = failed or finding.verdict == "FAIL"
            sys.stdout.write(f"{finding}\n")
            sys.stdout.flush()
    return ExitCode.FAILED if failed else ExitCode.DONE


def check_settings(settings: Settings) -> Iterator[Finding]:
    """They were read, or this would not run."""
    local = settings.project / LOCAL_FILE
    text = f"{TRACKED_FILE} and {LOCAL_FILE}" if local.exists() else TRACKED_FILE
    yield Finding("OK", "settings", f"{text} in {settings.project}")


CHECKS: tuple[Check, ...] = (
    check_settings,
    check_folders,
    check_ledger,
    check_results,
    check_batches,
    check_models,
    check_labels,
    check_thresholds,
    check_programs,
    check_port,
    check_client,
    check_disk,
    check_alerts,
    check_zone,
    check_window,
    check_next_run,
    check_scheduler,
)
