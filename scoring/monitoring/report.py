"""The morning report: written when a run ends, anew by ``python -m scoring.monitoring.report``.

What makes pages is loaded when there is one to make: a program that only listens pays nothing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from scoring.protocol.errors import PicturesError, ScoringError, UsageError
from scoring.records import run_reports
from scoring.records.atomic_file import remove_leftovers, replacing
from scoring.records.events_log import EventsLog
from scoring.records.ledger import Ledger
from scoring.records.ledger_look import look_at_ledger
from scoring.records.ledger_reader import LedgerReader
from scoring.records.picture_store import PictureStore
from scoring.records.rows import Run
from scoring.records.run_life import RunEnded
from scoring.records.telling import telling_never_fails
from scoring.settings import Settings, load_settings

if TYPE_CHECKING:
    from scoring.monitoring.facts import ReportFacts

PAGE, TEXT = "report.html", "report.txt"


class MorningReport:
    """Hears of the end of runs, and writes the report of each; trouble is an event and no more.

    ``written`` is the page of the run that ended last, None where it could not be written.
    """

    def __init__(self, settings: Settings, ledger: Ledger, events: EventsLog) -> None:
        self._settings = settings
        self._ledger = ledger
        self._events = events
        self.written: Path | None = None

    def __call__(self, ended: RunEnded) -> None:
        """Keep what is known of the run now, and write its report."""
        self.written = None
        try:
            facts = self._keep(ended.run, ended.due_dates)
            self.written = write_report(self._settings, facts, newest=True)
        except (ScoringError, OSError) as error:
            text = f"the run's report could not be written: {error}"
            self._events.error("report-failed", text, run=ended.run.id)

    def _keep(self, run: Run, nights: Sequence[date]) -> ReportFacts:
        """Return the facts that were kept, where a kill came between two tellings of one end."""
        from scoring.monitoring.facts import dump_facts, load_facts

        kept = run_reports.find(self._ledger.database, run.id)
        if kept is not None:
            return load_facts(kept)
        facts = self._collect(run, nights)
        self._keep_pictures(facts)
        run_reports.keep(self._ledger.database, run.id, dump_facts(facts))
        return facts

    def _collect(self, run: Run, nights: Sequence[date]) -> ReportFacts:
        from scoring.monitoring.collecting import Collector

        return Collector(self._ledger, run, tuple(nights), self._events.of_run(run.id)).facts()

    def _keep_pictures(self, facts: ReportFacts) -> None:
        """Keep the report's pictures as they are shown; without them it is a report still."""
        try:
            with PictureStore.from_settings(self._settings) as store:
                pictures = small_pictures(store, facts)
                if pictures:
                    store.keep_reported(facts.run.id, pictures)
        except PicturesError as error:
            self._events.warning("report-pictures", str(error), run=facts.run.id)


def small_pictures(store: PictureStore, facts: ReportFacts) -> dict[str, tuple[bytes, str]]:
    """Return the pictures of what wants a person, by content hash, so that they fit a report."""
    from scoring.monitoring.thumbnails import fit

    hashes = dict.fromkeys(one.content_hash for one in facts.look_at)
    found = {one: store.thumbnail(one) for one in hashes}
    return fit({one: picture for one, picture in found.items() if picture})


def report_folder(settings: Settings, run_id: str) -> Path:
    """Return where a run's report and its copy of the results lie."""
    return settings.logs_folder / "runs" / run_id


def facts_of(ledger: LedgerReader, run: Run, events: EventsLog) -> ReportFacts:
    """Return a run's facts as they were kept, else what the ledger still has of it."""
    from scoring.monitoring.collecting import Collector
    from scoring.monitoring.facts import load_facts

    kept = run_reports.find(ledger.database, run.id)
    if kept is not None:
        return load_facts(kept)
    facts = Collector(ledger, run, events=events.of_run(run.id)).facts()
    return replace(facts, after_the_fact=True)


def render(settings: Settings, facts: ReportFacts) -> dict[str, bytes]:
    """Return the content of the report's files by their names."""
    from scoring.monitoring.page import render_page
    from scoring.monitoring.plain_text import render_text

    with PictureStore.from_settings(settings) as store:
        pictures = store.reported(facts.run.id) or small_pictures(store, facts)
    page = render_page(facts, pictures)
    return {PAGE: page, TEXT: render_text(facts)}


def write_report(settings: Settings, facts: ReportFacts, *, newest: bool) -> Path:
    """Write a run's report beside its results, and as the newest one; return the page.

    Raises OSError.
    """
    folder = report_folder(settings, facts.run.id)
    for name, content in render(settings, facts).items():
        _replace(folder / name, content)
        if newest:
            _replace(settings.logs_folder / name, content)
    return folder / PAGE


def _replace(path: Path, content: bytes) -> None:
    remove_leftovers(path)
    with replacing(path) as part:
        part.write_bytes(content)


# By hand


@telling_never_fails()
def main(argv: Sequence[str] | None = None) -> int:
    """Write the report of a run anew; return the exit code."""
    arguments = _parser().parse_args(argv)
    try:
        settings = load_settings()
        events = EventsLog.from_settings(settings)
        with look_at_ledger(settings) as ledger:
            latest = _latest_ended(ledger)
            run = _find(ledger, arguments.run) if arguments.run else latest
            if run is None:
                raise UsageError("no run has ended yet; score something first")
            facts = facts_of(ledger, run, events)
        if arguments.out:
            path = _write_to(arguments.out, render(settings, facts))
        else:
            path = write_report(settings, facts, newest=run == latest)
    except OSError as error:
        sys.stderr.write(f"error: the report could not be written: {error}\n")
        return ScoringError.exit_code
    except ScoringError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    sys.stdout.write(f"{path}\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scoring.monitoring.report",
        description="Write the report of a run anew, as it was when the run ended.",
    )
    parser.add_argument("run", nargs="?", metavar="RUN", help="id of a run (default: the latest)")
    parser.add_argument(
        "--out", metavar="FILE", type=Path, help="where it goes; as text where FILE ends in .txt"
    )
    return parser


def _find(ledger: LedgerReader, run_id: str) -> Run:
    run = ledger.run(run_id)
    if run is None:
        known = ", ".join(one.id for one in ledger.runs(3)) or "none"
        raise UsageError(f"there is no run {run_id!r}; the latest are: {known}")
    if run.state == "running":
        raise UsageError(f"run {run_id} has not ended yet; its report is written at its end")
    return run


def _latest_ended(ledger: LedgerReader) -> Run | None:
    unfinished = len(ledger.running())
    return next((run for run in ledger.runs(unfinished + 1) if run.state != "running"), None)


def _write_to(path: Path, files: dict[str, bytes]) -> Path:
    if path.is_dir():
        raise UsageError(f"--out {path} is a folder; name a file, like {path / PAGE}")
    _replace(path, files[TEXT if path.suffix == ".txt" else PAGE])
    return path


if __name__ == "__main__":
    sys.exit(main())
