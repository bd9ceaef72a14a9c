"""The end of a run → what somebody is to be told, in the ledger's outbox.

Nothing is sent here: a dead channel costs no run a second.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta

from scoring.monitoring.alerts.rules import (
    RULES,
    TITLE,
    WELL,
    Night,
    Problem,
    family_of,
)
from scoring.monitoring.alerts.watching import read_watched
from scoring.monitoring.report import TEXT, report_folder
from scoring.monitoring.words import capitalised, cut, number_of, wants_a_person
from scoring.records import alerts
from scoring.records.alerts import Message
from scoring.records.database import Database
from scoring.records.housekeeping import free_bytes
from scoring.records.rows import Run
from scoring.records.run_life import RunEnded, describe
from scoring.records.text import on_one_line, printable
from scoring.settings import HEARTBEAT, RuleName, Settings

# Of a report so much is sent as a message; a chat takes less, and cuts it.
MOST_TEXT = 20_000


class AlertWriter:
    """Hears of the end of runs, and writes down whom to tell what; last of those who hear.

    A run by hand has a person before it: nobody else is told, unless ``alerts.by_hand`` says so.
    """

    def __init__(self, settings: Settings, database: Database, now: Callable[[], datetime]) -> None:
        self._settings = settings
        self._database = database
        self._now = now

    def __call__(self, ended: RunEnded) -> None:
        """Write the messages of one end; told once more, they are still one of each.

        Raises LedgerError.
        """
        nightly = ended.run.kind == "nightly"
        if nightly or self._settings.alerts.by_hand:
            self._write([*self._ledger_restored(), *self._judged(ended), *self._report(ended)])
        if nightly:
            self._ping(ended)

    def started(self, due: date) -> None:
        """Have the heartbeat told that a night's run begins; raises LedgerError."""
        self._write_ping(Message(due.isoformat(), HEARTBEAT, "start", "started", ""))

    def ledger_restored(self) -> None:
        """Tell at once of a ledger that took another's place; raises LedgerError."""
        self._write(list(self._ledger_restored()))

    def _write(self, messages: list[Message]) -> None:
        channels = tuple(self._settings.alerts.urls)
        if channels:
            alerts.write(self._database, messages, channels, self._now())

    # Rules

    def _judged(self, ended: RunEnded) -> Iterator[Message]:
        night = self._night(ended)
        families_told = set()
        for name, rule in RULES.items():
            if name not in self._settings.alerts.rules:
                continue
            found = rule.judge(night)
            if isinstance(found, Problem):
                if not (rule.lasts and self._was_told(name, ended.run)):
                    yield self._problem(night, name, found)
            elif found is WELL and rule.family not in families_told:
                yield from self._recovery(night, name)
                families_told.add(rule.family)

    def _night(self, ended: RunEnded) -> Night:
        told = self._settings.alerts
        return Night(
            ended,
            told.failed_percent,
            self._settings.records.low_disk_bytes,
            free_bytes(self._settings),
            read_watched(self._database, ended.run.id, told.accuracy_percent),
        )

    def _was_told(self, name: RuleName, run: Run) -> bool:
        """Tell whether a problem that lasts was told lately."""
        told = alerts.standing(self._database, family_of(name), run.id)
        if told is None:
            return False
        remind = timedelta(days=self._settings.alerts.remind_days)
        # A day's run is not always at the same minute; what is told in the future, a clock that
        # was wrong has told.
        return timedelta(0) <= self._now() - told[1] < remind - timedelta(hours=1)

    def _problem(self, night: Night, name: RuleName, found: Problem) -> Message:
        what = capitalised(found.what)
        body = [f"{what}. {found.to_do}", "", *self._closing(night.ended)]
        return Message(night.ended.run.id, name, "problem", cut(what, TITLE), "\n".join(body))

    def _recovery(self, night: Night, name: RuleName) -> Iterator[Message]:
        run, well_again = night.ended.run, RULES[name].well_again
        told = alerts.standing(self._database, family_of(name), run.id)
        if told is None or well_again is None:
            return
        rule, when = told
        title = f"Well again: {well_again}"
        since = f"{title}. Told on {when.astimezone(self._now().tzinfo):%Y-%m-%d}: {rule}."
        body = [f"{since} Nothing is to be done.", "", *self._closing(night.ended)]
        yield Message(run.id, rule, "recovery", cut(title, TITLE), "\n".join(body))

    def _ledger_restored(self) -> Iterator[Message]:
        found = alerts.restored(self._database)
        if found is None or "ledger-restored" not in self._settings.alerts.rules:
            return
        when, text = found
        title = "The ledger was damaged or gone, and was replaced"
        to_do = "Look at the disk it lies on; runs and reviews since that backup may be missing."
        body = [f"{title}. {to_do}", "", on_one_line(text), _place(self._settings)]
        yield Message(f"ledger {when}", "ledger-restored", "problem", title, "\n".join(body))

    # Report and heartbeat

    def _report(self, ended: RunEnded) -> Iterator[Message]:
        """Send the morning report as it stands beside the run's results, where that is wanted."""
        if not self._settings.alerts.morning or ended.run.state == "missed":
            return
        try:
            text = (report_folder(self._settings, ended.run.id) / TEXT).read_text("utf-8")
        except (OSError, UnicodeDecodeError):
            return  # that it could not be written is an event of its own
        title = capitalised(cut(on_one_line(describe(ended)), TITLE))
        yield Message(ended.run.id, "morning", "report", title, text[:MOST_TEXT])

    def _ping(self, ended: RunEnded) -> None:
        """Success is only what is done, with its results in place; a run is closed after that."""
        kind = alerts.SUCCESS if ended.run.state == "done" else alerts.FAIL
        text = on_one_line(describe(ended))
        body = f"{_figures(ended)}\nrun {ended.run.id}\n"
        self._write_ping(Message(ended.due_dates[-1].isoformat(), HEARTBEAT, kind, text, body))

    def _write_ping(self, message: Message) -> None:
        if self._settings.alerts.heartbeat:
            alerts.write(self._database, [message], (HEARTBEAT,), self._now())

    def _closing(self, ended: RunEnded) -> list[str]:
        lines = [] if ended.run.state == "missed" else [_figures(ended), f"Run {ended.run.id}"]
        return [*lines, _place(self._settings)]


def _figures(ended: RunEnded) -> str:
    done = ended.summary
    return (
        f"{number_of(done.images, 'image')}, {done.failed} not read, {wants_a_person(done.flagged)}"
    )


def _place(settings: Settings) -> str:
    """Return where it came from: several machines may tell the same person."""
    return f"Garment scorer on {socket.gethostname()}, {printable(str(settings.project))}"
