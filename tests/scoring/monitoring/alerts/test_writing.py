from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from scoring.monitoring.alerts.hearing import AlertsHeard
from scoring.monitoring.alerts.writing import AlertWriter
from scoring.monitoring.report import MorningReport
from scoring.records import alerts, run_monitoring
from scoring.records.alerts import Told
from scoring.records.events_log import EventsLog
from scoring.records.ledger import ChunkCost, Ledger, Model, ScoredImage, State
from scoring.records.run_life import Listener, RunLife, RunPlan
from scoring.settings import AlertSettings, Settings

NOW = datetime(2026, 11, 16, 18, 5, tzinfo=UTC)
FIRST = date(2026, 11, 16)
DAY = timedelta(days=1)
URLS = {"mail": "mailto://x.example"}


class Nights:
    """Nights over a real ledger, whose ends are heard by the writer, and by a report before it."""

    def __init__(self, settings: Settings, ledger: Ledger) -> None:
        self.settings = settings
        self.ledger = ledger
        self.now = NOW
        self.count = 0

    def set(self, **alert_settings: object) -> None:
        given = {"urls": URLS, **alert_settings}
        changed = AlertSettings(**given)
        self.settings = self.settings.replaced(alerts=changed)

    def life(self) -> RunLife:
        events = EventsLog.from_settings(self.settings)
        heard: list[Listener] = [
            MorningReport(self.settings, self.ledger, events),
            AlertsHeard(self.settings, self.ledger.database, lambda: self.now),
        ]
        return RunLife(self.settings, self.ledger, events, lambda: self.now, heard)

    def night(
        self,
        state: State = "done",
        *,
        images: int = 20,
        failed: int = 0,
        by_hand: bool = False,
        **facts: Any,
    ) -> list[str]:
        """Let a run come to an end, and return what was written of it: ``rule kind``.

        ``facts`` are what monitoring finds in it.
        """
        due = None if by_hand else FIRST + DAY * self.count
        self.now = NOW + DAY * self.count
        self.count += 1
        before = self.written()
        if state == "missed":
            assert due
            self.life().miss({due: self.now}, "off")
        else:
            plan = RunPlan(("G1",), "all" if by_hand else "new", due)
            run, _ = self.life().begin(plan, Model("fashion", "v1"))
            self._score(run.id, images, failed)
            if facts:
                run_monitoring.keep(self.ledger.database, run.id, "v1", facts)
            self.life().close(run, state, "because" * (state != "done"))
        return self.written()[len(before) :]

    def _score(self, run_id: str, images: int, failed: int) -> None:
        self.ledger.touch_batch(run_id, "G1", 0, [f"{n}.png" for n in range(images)])
        rows = [
            ScoredImage(n + 1, f"{n}.png", f"{run_id} {n}", error="cut short")
            if n < failed
            else ScoredImage(n + 1, f"{n}.png", f"{run_id} {n}", label="Bag", confidence=0.9)
            for n in range(images)
        ]
        self.ledger.commit_chunk(run_id, "G1", "v1", rows, ChunkCost(), self.now)

    def told(self) -> list[Told]:
        """Return what was told to the mail, oldest first."""
        return alerts.latest(self.ledger.database, 1000)[::-1]

    def written(self) -> list[str]:
        return [f"{one.rule} {one.kind}" for one in self.told() if one.channel != "heartbeat"]

    def pings(self) -> list[str]:
        return [f"{one.run_id} {one.kind}" for one in self.told() if one.channel == "heartbeat"]

    def bodies(self) -> list[str]:
        return [one.message.body for one in alerts.on_their_way(self.ledger.database)]


@pytest.fixture
def nights(settings: Settings) -> Iterator[Nights]:
    with Ledger(settings.ledger_file, 1) as ledger:
        nights = Nights(settings, ledger)
        nights.set()
        yield nights


def test_of_a_good_night_nobody_is_told(nights: Nights) -> None:
    assert nights.night() == []
    assert nights.night() == []


def test_a_run_that_failed_is_told_each_time_and_well_again_once(nights: Nights) -> None:
    assert nights.night("failed") == ["run-failed problem"]
    assert nights.night("failed") == ["run-failed problem"]
    assert nights.night("partial") == ["run-partial problem"]
    assert nights.night("missed") == ["run-missed problem"]
    assert nights.night() == ["run-missed recovery"]
    assert nights.night() == []


def test_what_lasts_is_told_when_it_begins_and_after_a_week(nights: Nights) -> None:
    said = [nights.night(images=0) for _ in range(9)]
    assert said == [["nothing-to-score problem"], *[[]] * 6, ["nothing-to-score problem"], []]
    assert nights.night() == ["nothing-to-score recovery"]


def test_what_a_clock_years_ahead_has_told_is_told_again(nights: Nights) -> None:
    nights.count = 900
    assert nights.night(images=0) == ["nothing-to-score problem"]
    nights.count = 1
    assert nights.night(images=0) == ["nothing-to-score problem"]
    assert nights.night(images=0) == []


def test_the_share_of_errors_and_a_full_disk(
    nights: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert nights.night(failed=2) == ["error-share problem"]
    monkeypatch.setattr("scoring.monitoring.alerts.writing.free_bytes", lambda _: 1)
    assert nights.night() == ["error-share recovery", "disk-nearly-full problem"]
    assert nights.night() == []
    monkeypatch.undo()
    assert nights.night() == ["disk-nearly-full recovery"]


def test_drift_and_accuracy_are_told_when_they_begin_and_end(nights: Nights) -> None:
    drifted, steady = {"answers": {"alarm": True}}, {"answers": {"alarm": False}}
    poor = {"value": 0.6, "low": 0.5, "high": 0.7, "valid": True}
    assert nights.night(drift=steady) == []
    assert nights.night(drift=drifted) == ["drift problem"]
    assert nights.night(drift=drifted, estimate=poor) == ["low-accuracy problem"]
    assert nights.night() == [], "a night of which nothing is known ends nothing"
    assert nights.night(drift=steady) == ["drift recovery"]
    assert nights.night(estimate={**poor, "value": 0.9, "high": 0.95}) == ["low-accuracy recovery"]


def test_only_the_rules_of_the_settings_are_told(nights: Nights) -> None:
    nights.set(rules=("run-missed",))
    assert nights.night("failed") == []
    assert nights.night("missed") == ["run-missed problem"]
    nights.set(rules=())
    assert nights.night() == []


def test_a_run_by_hand_alerts_nobody_unless_that_is_wanted(nights: Nights) -> None:
    assert nights.night("failed", by_hand=True) == []
    nights.set(by_hand=True)
    assert nights.night("failed", by_hand=True) == ["run-failed problem"]
    assert nights.night(by_hand=True) == [], "a night is well again by a night"
    assert nights.night() == ["run-failed recovery"]


def test_without_a_channel_nothing_is_written(nights: Nights) -> None:
    nights.set(urls={})
    assert nights.night("failed") == []


def test_an_end_that_is_told_twice_is_one_message(nights: Nights) -> None:
    """A kill after the listeners, before the ledger knows that they were told."""
    nights.set(heartbeat="https://x.example/1")
    nights.night("failed", failed=20)
    nights.ledger.set_fact("ends_to_tell", nights.told()[0].run_id)
    before = nights.told()
    assert nights.night() == ["run-failed recovery", "error-share recovery"]
    assert nights.told()[: len(before)] == before
    nights.ledger.set_fact("ends_to_tell", nights.told()[-2].run_id)
    assert nights.night() == []


@pytest.mark.parametrize("after", [False, True])
def test_an_end_whose_word_a_kill_kept_is_one_message_all_the_same(
    nights: Nights, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    write = alerts.write

    def killed(*arguments: Any) -> None:
        if after:
            write(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(alerts, "write", killed)
        with pytest.raises(KeyboardInterrupt):
            nights.night("failed")
    assert nights.written() == ["run-failed problem"] * after
    nights.night()
    assert nights.written() == ["run-failed problem", "run-failed recovery"]


def test_a_message_says_first_what_happened_and_what_to_do(nights: Nights) -> None:
    nights.night("failed")
    (body,) = nights.bodies()
    first, empty, *rest = body.splitlines()
    day = "Monday 16 November 2026"
    assert first.startswith(f"The nightly run of {day} failed: because. Mend that and")
    assert empty == ""
    assert rest[0] == "20 images, 0 not read, 0 want a person"
    assert len(body) < 1000
    assert nights.told()[0].title == f"The nightly run of {day} failed: because"


def test_a_recovery_says_what_is_over(nights: Nights) -> None:
    nights.night("failed")
    nights.night()
    assert "Told on 2026-11-16: run-failed. Nothing is to be done." in nights.bodies()[1]


def test_the_morning_report_is_a_message_where_it_is_wanted(nights: Nights) -> None:
    nights.set(morning=True)
    assert nights.night() == ["morning report"]
    (body,) = nights.bodies()
    report = (nights.settings.logs_folder / "report.txt").read_text("utf-8")
    assert body == report
    assert nights.night("missed") == ["run-missed problem"]


def test_a_ledger_that_was_restored_is_told_once(nights: Nights) -> None:
    alerts.tell_restored(nights.ledger.database, "it was damaged; the backup of Sunday", NOW)
    writer = AlertWriter(nights.settings, nights.ledger.database, lambda: NOW)
    writer.ledger_restored()
    writer.ledger_restored()
    assert nights.night() == []
    assert nights.written() == ["ledger-restored problem"]
    assert "the backup of Sunday" in nights.bodies()[0]


def test_the_heartbeat_hears_of_every_night(nights: Nights) -> None:
    nights.set(heartbeat="https://x.example/1")
    writer = AlertWriter(nights.settings, nights.ledger.database, lambda: NOW)
    writer.started(FIRST)
    writer.started(FIRST)
    states: tuple[State, ...] = ("done", "partial", "failed", "missed")
    for state in states:
        nights.night(state)
    nights.night("failed", by_hand=True)
    assert nights.pings() == [
        "2026-11-16 start",
        "2026-11-16 success",
        "2026-11-17 fail",
        "2026-11-18 fail",
        "2026-11-19 fail",
    ]


def test_success_is_said_only_with_the_results_in_place(nights: Nights) -> None:
    nights.set(heartbeat="https://x.example/1")
    nights.settings.results_file.mkdir()
    nights.night()
    assert nights.pings() == ["2026-11-16 fail"]
