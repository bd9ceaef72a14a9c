"""``python -m cluster FOLDER --out DIR``: score a folder on every node of a Ray cluster."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryFile

from cluster.engine import RayEngine
from cluster.errors import require_packages, what_it_says
from cluster.scoring_run import PROGRAM, Outcome, Request, ScoringRun
from scoring.protocol.errors import ExitCode, ScoringError, UsageError
from scoring.records.atomic_file import behind_link
from scoring.records.results_csv import COLUMNS
from scoring.settings import available_cores, load_settings

HEADER_START = b"\xef\xbb\xbf" + COLUMNS[0].encode()


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
        if arguments.results:
            _check_results(arguments.results)
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
        arguments.results and Path(os.path.realpath(arguments.results)),
        arguments.model,
        arguments.partition,
        fresh=arguments.fresh,
    )


def _check_results(path: Path) -> None:
    """Raise UsageError rather than overwrite something else, and before anything is scored."""
    if path.is_dir():
        raise UsageError(f"--results {path} is a folder; name a file, like {path / 'Results.csv'}")
    if path.exists() and not path.is_file():
        raise UsageError(f"--results {path} is a pipe or a device; name a file")
    try:
        start = _start(path)
        # It is written beside its place and renamed, when all is scored.
        folders = behind_link(path.absolute()).parents
        with TemporaryFile(dir=next(folder for folder in folders if folder.exists())):
            pass
    except OSError as error:
        why = error.strerror or error
        raise UsageError(f"--results {path} cannot be written: {why}; name another file") from error
    if start and start != HEADER_START:
        raise UsageError(f"--results {path} is no results file; it is left as it is")


def _start(path: Path) -> bytes:
    """Return what would be overwritten, as far as it tells; nothing where there is no file yet."""
    try:
        with path.open("rb") as file:
            return file.read(len(HEADER_START))
    except FileNotFoundError:
        return b""


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
