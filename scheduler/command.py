"""What the scheduler's command line asks for: ``python -m scheduler``."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence

from scoring.protocol.errors import ExitCode, ScoringError, UsageError
from scoring.records.telling import telling_never_fails
from scoring.settings import Settings, load_settings

DESCRIPTION = "Run the nightly scoring: start the server, score the batches, stop the server."
EPILOG = """\
without a command: stay, and run every day at the time in settings.toml
status             what ran, what is running, what is next
check              will tonight's run work?

Exit codes: 0 done, 1 failed, 2 usage or settings, 3 partial, 4 batch missing, 5 no server,
6 another scheduler or run is at work."""


@telling_never_fails()
def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line asks for; return the exit code."""
    arguments = _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    try:
        return _run(arguments, load_settings())
    except ScoringError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    except KeyboardInterrupt:
        return ExitCode.FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scheduler",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "command", nargs="?", choices=("status", "check"), help="leave it out to stay"
    )
    parser.add_argument("--once", action="store_true", help="one full cycle now, then leave")
    parser.add_argument(
        "--all", action="store_true", help="with --once: score again what has been scored"
    )
    return parser


def _run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Import only what the command needs: a cycle by hand does not wait for APScheduler."""
    if (arguments.command and arguments.once) or (arguments.all and not arguments.once):
        raise UsageError("--all goes with --once, and --once with no command")
    if arguments.command == "status":
        from scheduler.status import show_status

        return show_status(settings)
    if arguments.command == "check":
        from scheduler.check import show_check

        return show_check(settings)
    if arguments.once:
        from scheduler.once import run_once

        return run_once(settings, arguments.all)
    from scheduler.standing import run_standing

    return run_standing(settings)
