"""``python -m cluster FOLDER --out DIR``: score a folder on every node of a Ray cluster."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from cluster.engine import RayEngine
from cluster.errors import require_packages, what_it_says
from cluster.scoring_run import PROGRAM, Outcome, Request, ScoringRun
from scoring.protocol.errors import ExitCode, ScoringError, UsageError
from scoring.records.results_place import results_place
from scoring.settings import available_cores, load_settings


def main(argv: Sequence[str] | None = None) -> int:
    """Score what the command line asks for; return the exit code."""
    started = time.monotonic()
    arguments = _parser().parse_args(argv)
    # As Ctrl-C ends it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        require_packages()
        settings = load_settings()
        if not arguments.out:
            raise UsageError("--out has no name; give a folder or a URL")
        engine = RayEngine(arguments.address, arguments.cores or available_cores())
        outcome = ScoringRun(_request(arguments), settings, engine, _tell).run()
    except ScoringError as error:
        _tell(f"error: {error}")
        return error.exit_code
    except OSError as error:
        _tell(f"error: {what_it_says(error)}")
        return ExitCode.FAILED
    except KeyboardInterrupt:
        _tell("stopped; the same command goes on where it was")
        return ExitCode.PARTIAL
    _tell_outcome(outcome, time.monotonic() - started)
    limit = settings.client.max_failed_percent
    if outcome.failed_percent() > limit:
        _tell(
            f"error: {outcome.failed_percent():.1f} % of the images failed, more than {limit:g} %"
        )
        return ExitCode.FAILED
    return ExitCode.DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Score a folder of images on every node of a Ray cluster.",
        epilog="The same command goes on where it was stopped. Exit codes: 0 done, 1 failed,"
        " 2 usage, settings or packages, 3 stopped, 4 no such folder, 6 another run to this --out.",
    )
    add = parser.add_argument
    add("folder", metavar="FOLDER", help="folder of image_batches, a path or a URL (s3://…)")
    add("--out", required=True, metavar="DIR", help="where partitions go: a path or a URL")
    add("--results", type=Path, metavar="FILE.csv", help="write Results.csv of it, too")
    add("--model", default="", metavar="NAME", help="model to score with (default: the server's)")
    add("--address", default="", metavar="HOST:PORT", help="of a Ray cluster that runs already")
    add("--cores", type=_number, metavar="N", help="of this machine, where there is no --address")
    add("--partition", type=_number, metavar="ROWS", help="images of a partition (default: 4096)")
    add("--fresh", action="store_true", help="score all anew, whatever --out holds")
    return parser


def _number(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("is a whole number from 1 on")
    return number


def _request(arguments: argparse.Namespace) -> Request:
    return Request(
        arguments.folder,
        arguments.out,
        arguments.results and results_place("--results", arguments.results),
        arguments.model,
        arguments.partition,
        fresh=arguments.fresh,
    )


def _tell_outcome(outcome: Outcome, seconds: float) -> None:
    counts = outcome.counts
    _tell(
        f"done: {counts.images} images in {outcome.partitions} partitions ({outcome.kept} kept),"
        f" {counts.failed} failed, {counts.flagged} to look at again, model"
        f" {outcome.version[:12]}, {seconds:.1f} s"
    )
    if outcome.results:
        _tell(f"results: {outcome.results}")


def _tell(line: str) -> None:
    sys.stderr.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main())
