from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from scoring.protocol.errors import ScoringError
from scoring.records.events_log import EventsLog
from scoring.records.ledger import ChunkCost, Ledger, Model, ScoredImage
from scoring.records.run_life import RunEnded, RunLife, RunPlan
from scoring.records.run_settings import MATTER
from scoring.settings import Settings

NOW = datetime(2026, 11, 21, 18, 5, tzinfo=UTC)
DAY = date(2026, 11, 21)
MODEL = Model("fashion", "v1")
BY_HAND = RunPlan(("G1",), "all")
NIGHTLY = RunPlan(("G1",), "new", DAY)


class Office:
    """A life over a real ledger and event log; what it tells is heard."""

    def __init__(self, settings: Settings, ledger: Ledger) -> None:
        self.settings = settings
        self.ledger = ledger
        self.events = EventsLog.from_settings(settings)
        self.heard: list[RunEnded] = []
        self.life = RunLife(settings, ledger, self.events, lambda: NOW, [self.heard.append])

    def told(self) -> list[str]:
        """Return level, code and message of each event."""
        lines = self.events.path.read_text(encoding="utf-8").splitlines()
        parts = [line.split(", ", 5) for line in lines]
        return [f"{level} {code}: {message}" for _, level, code, _, _, message in parts]

    def score(self, run_id: str, *batches: str) -> None:
        for position, batch in enumerate(batches):
            self.ledger.touch_batch(run_id, batch, position, ["1.png"])
            image = ScoredImage(1, "1.png", "d", label="Bag", confidence=0.9)
            self.ledger.commit_chunk(run_id, batch, "v1", [image], ChunkCost(), NOW)


@pytest.fixture
def office(settings: Settings) -> Iterator[Office]:
    with Ledger(settings.ledger_file, 1) as ledger:
        yield Office(settings, ledger)


def test_a_run_is_opened_with_what_mattered_and_closed_with_what_it_did(office: Office) -> None:
    run, resumed = office.life.begin(NIGHTLY, MODEL)
    assert not resumed
    assert office.ledger.run(run.id) == run
    assert (run.state, run.kind, run.due_date) == ("running", "nightly", DAY)
    assert json.loads(run.settings)["client.max_failed_percent"] == 20.0
    office.score(run.id, "G1")
    ended = office.life.close(run, "done", "")
    assert ended.run == replace(run, state="done", finished_at=NOW) == office.ledger.run(run.id)
    assert ended.summary.images == 1
    assert ended.results == office.settings.results_file
    assert office.heard == [ended]
    assert office.told() == [
        "INFO run-started: nightly, new images of: G1",
        "INFO run-done: the run of 2026-11-21 is done: 1 images, 0 failed",
    ]


def test_no_setting_that_may_hold_a_secret_is_kept_with_a_run() -> None:
    assert not [name for name in MATTER if "key" in name or "server" in name]


@pytest.mark.parametrize("plan", [BY_HAND, NIGHTLY])
def test_an_interrupted_run_goes_on_with_the_model_of_now(office: Office, plan: RunPlan) -> None:
    first, _ = office.life.begin(plan, MODEL)
    office.life.leave_open(first)
    again, resumed = office.life.begin(plan, MODEL)
    assert resumed
    assert again.id == first.id
    assert office.told()[1:] == [
        "WARNING run-interrupted: stopped; it can be resumed",
        "INFO run-resumed: an interrupted run goes on",
    ]
    assert office.heard == []


def test_a_nightly_run_goes_on_under_another_model_too(office: Office) -> None:
    first, _ = office.life.begin(NIGHTLY, MODEL)
    again, resumed = office.life.begin(NIGHTLY, Model("fashion", "v2"))
    assert (again.id, resumed) == (first.id, True)
    kept = office.ledger.run(first.id)
    assert kept
    assert kept.model_version == "v2"


@pytest.mark.parametrize(
    ("plan", "model"),
    [
        (replace(BY_HAND, fresh=True), MODEL),
        (BY_HAND, Model("fashion", "v2")),
        (RunPlan(("G0", "G1"), "all"), MODEL),
    ],
)
def test_an_interrupted_run_that_another_replaces_is_closed(
    office: Office, plan: RunPlan, model: Model
) -> None:
    first, _ = office.life.begin(BY_HAND, MODEL)
    second, resumed = office.life.begin(plan, model)
    assert not resumed
    assert second.id != first.id
    (ended,) = office.heard
    assert (ended.run.id, ended.run.state) == (first.id, "partial")
    assert (
        "WARNING run-partial: partial: 0 images, 0 failed; interrupted, and replaced by"
        in (office.told()[1])
    )


@pytest.mark.parametrize(("version", "goes_on"), [("d1", True), ("d2", False), (None, True)])
def test_an_interrupted_run_goes_on_only_with_the_models_of_its_batches(
    office: Office, version: str | None, goes_on: bool
) -> None:
    """One batch must not be shown with the scores of two versions."""
    plan = RunPlan(("G1", "D"), "all")
    first, _ = office.life.begin(plan, MODEL)
    office.ledger.touch_batch(first.id, "G1", 0, ["1.png"], MODEL)
    office.ledger.touch_batch(first.id, "D", 1, ["1.png"], Model("digits", "d1"))
    versions = {"G1": MODEL.version, "E": "x"} | ({"D": version} if version else {})
    again, resumed = office.life.begin(replace(plan, versions=versions), MODEL)
    assert (resumed, again.id == first.id) == (goes_on, goes_on)


def test_an_interrupted_run_over_other_batches_waits_for_its_turn(office: Office) -> None:
    first, _ = office.life.begin(BY_HAND, MODEL)
    office.life.begin(RunPlan(("G2",), "all"), MODEL)
    assert first.id in [run.id for run in office.ledger.running()]


def test_a_due_day_that_has_ended_is_not_begun_again(office: Office) -> None:
    run, _ = office.life.begin(NIGHTLY, MODEL)
    office.life.close(run, "done", "")
    with pytest.raises(ScoringError, match="is done already"):
        office.life.begin(NIGHTLY, MODEL)


def test_what_could_not_begin_has_failed(office: Office) -> None:
    ended = office.life.fail_before_it_began(DAY, "no server")
    assert office.ledger.nightly_run(DAY) == ended.run
    assert (ended.run.state, ended.run.reason) == ("failed", "no server")
    assert office.told() == [
        "ERROR run-failed: the run of 2026-11-21 is failed: 0 images, 0 failed; no server"
    ]


def test_missed_days_are_a_row_each_and_one_event(office: Office) -> None:
    days = {DAY - timedelta(days=n): NOW - timedelta(days=n) for n in range(3)}
    ended = office.life.miss(days, "the machine was off")
    assert [run.state for run in office.ledger.runs(9)] == ["missed"] * 3
    assert ended.due_dates == (date(2026, 11, 19), date(2026, 11, 20), DAY)
    assert ended.run.due_date == DAY
    assert office.heard == [ended]
    assert office.told() == [
        "ERROR run-missed: 3 nightly runs missed, 2026-11-19 to 2026-11-21: the machine was off"
    ]


@pytest.mark.parametrize("of", ["events", "ledger"])
def test_missed_days_are_told_as_one_after_a_kill(
    office: Office, monkeypatch: pytest.MonkeyPatch, of: str
) -> None:
    """Before the word of them, and in the midst of their rows: all are written, or none."""
    days = {DAY - timedelta(days=n): NOW - timedelta(days=n) for n in range(100)}
    with monkeypatch.context() as patch:
        if of == "events":
            patch.setattr(office.events, "write", _killed)
        else:
            ids = iter([f"id {number}" for number in range(50)])
            patch.setattr("scoring.records.run_life.new_run_id", lambda _: next(ids))
        with pytest.raises((KeyboardInterrupt, StopIteration)):
            office.life.miss(days, "the machine was off")
    if of == "ledger":
        assert office.ledger.runs(999) == []
        office.life.miss(days, "the machine was off")
    office.life.begin(BY_HAND, MODEL)
    (ended,) = office.heard
    assert ended.due_dates == tuple(sorted(days))
    assert ended.run.due_date == DAY
    assert office.told()[0] == (
        "ERROR run-missed: 100 nightly runs missed, 2026-08-14 to 2026-11-21: the machine was off"
    )


def test_results_that_cannot_be_written_make_the_run_a_failed_one(office: Office) -> None:
    run, _ = office.life.begin(NIGHTLY, MODEL)
    office.score(run.id, "G1")
    Path(office.settings.results_file).mkdir()
    ended = office.life.close(run, "done", "")
    assert ended.run.state == "failed"
    assert "Results.csv could not be written" in ended.run.reason
    assert ended.results is None
    assert office.ledger.unwritten_batches() == {"G1"}


def test_a_bad_listener_cannot_stop_the_others_nor_the_run(office: Office) -> None:
    heard: list[RunEnded] = []

    def deaf(_: RunEnded) -> None:
        raise RuntimeError("no ears")

    life = RunLife(office.settings, office.ledger, office.events, lambda: NOW, [deaf, heard.append])
    run, _ = life.begin(BY_HAND, MODEL)
    ended = life.close(run, "done", "")
    assert heard == [ended]
    assert ended.run.state == "done"
    assert "ERROR listener-failed: " in office.told()[-1]
    assert "no ears" in office.told()[-1]


def test_a_run_that_was_closed_meanwhile_stays_as_it_was(office: Office) -> None:
    run, _ = office.life.begin(NIGHTLY, MODEL)
    office.ledger.finish_run(run.id, "partial", "the window was over", NOW)
    assert office.life.close(run, "done", "").run.state == "partial"


def test_an_end_whose_word_a_kill_kept_is_told_by_the_next_to_begin(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, _ = office.life.begin(BY_HAND, MODEL)
    with monkeypatch.context() as patch:
        patch.setattr(office.events, "write", _killed)
        with pytest.raises(KeyboardInterrupt):
            office.life.close(run, "failed", "no server")
    assert office.heard == []
    office.life.begin(NIGHTLY, MODEL)
    assert [ended.run.id for ended in office.heard] == [run.id]
    assert "ERROR run-failed: failed: 0 images, 0 failed; no server" in office.told()
    office.life.begin(NIGHTLY, MODEL)
    assert len(office.heard) == 1


def _killed(*_: object, **__: object) -> None:
    raise KeyboardInterrupt
