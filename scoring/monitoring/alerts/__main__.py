"""``python -m scoring.monitoring.alerts``: send what waits, try the channels, list what was."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress

from scoring.monitoring.alerts.channels import Channel, Outcome, channels_of
from scoring.monitoring.alerts.listing import list_alerts
from scoring.monitoring.alerts.sending import Sender
from scoring.processes.locks import alerts_lock
from scoring.protocol.errors import Busy, ExitCode, LedgerMissing, ScoringError, UsageError
from scoring.records.events_log import EventsLog
from scoring.records.ledger import Ledger
from scoring.records.ledger_look import look_at_ledger
from scoring.records.telling import telling_never_fails
from scoring.settings import LOCAL_FILE, Settings, load_settings

PROGRAM = "python -m scoring.monitoring.alerts"
EPILOG = """\
send    what waits in the ledger; the scheduler starts this by itself
test    one message to each channel, now
check   can each channel be used? Nothing is sent
list    the latest messages, and what became of them

Exit codes: 0 done, 1 a channel did not take it (test) or cannot be used (check), 2 usage or
settings."""


@telling_never_fails()
def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line asks for; return the exit code."""
    arguments = _parser().parse_args(argv)
    try:
        settings = load_settings()
        return COMMANDS[arguments.command](settings)
    except ScoringError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Tell people of what went wrong at night.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=tuple(COMMANDS))
    return parser


def send(settings: Settings) -> ExitCode:
    """Send what is due; trouble is an event, for nobody may be at the terminal."""
    events = EventsLog.from_settings(settings)
    try:
        with look_at_ledger(settings), alerts_lock(settings, f"{PROGRAM} send"):
            busy = settings.records.busy_seconds
            with Ledger(settings.ledger_file, busy, create=False) as ledger:
                channels = channels_of(settings)
                Sender(ledger.database, channels, events, settings.now).send_due()
    except (Busy, LedgerMissing):
        pass  # whoever has the lock sends it; without a ledger there is nothing to be told
    except ScoringError as error:
        events.error("alerts-failed", str(error))
        raise
    except Exception as error:
        # Its text may show a URL; its kind is for whoever mends it.
        events.error("alerts-failed", f"a bug: {type(error).__name__}")
        return ExitCode.FAILED
    return ExitCode.DONE


def try_channels(settings: Settings) -> ExitCode:
    """Send one message to each channel, and say of each whether it went."""
    return _each(settings, lambda channel: channel.test(), "sent")


def check(settings: Settings) -> ExitCode:
    """Say of each channel whether it can be used; nothing is sent."""

    def look(channel: Channel) -> Outcome:
        return Outcome("failed" if channel.trouble else "sent", channel.trouble)

    return _each(settings, look, "can be used")


def _each(settings: Settings, attempt: Callable[[Channel], Outcome], good: str) -> ExitCode:
    channels = channels_of(settings)
    if not channels:
        raise UsageError(f"nobody is told: alerts.urls is empty; write it into {LOCAL_FILE}")
    failed = False
    for name, channel in channels.items():
        outcome = attempt(channel)
        failed = failed or outcome.arrival != "sent"
        word = good if outcome.arrival == "sent" else outcome.why
        sys.stdout.write(f"{name}: {word}\n")
        sys.stdout.flush()
    return ExitCode.FAILED if failed else ExitCode.DONE


COMMANDS: dict[str, Callable[[Settings], ExitCode]] = {
    "send": send,
    "test": try_channels,
    "check": check,
    "list": list_alerts,
}


def _leave(code: int) -> None:
    """End now: a service that never answers would hold the interpreter's end for ever.

    What was to be kept stands in the ledger.
    """
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    _leave(main())
