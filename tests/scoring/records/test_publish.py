from __future__ import annotations

import csv
import errno
import os
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from scoring.records.events_log import EventsLog
from scoring.records.labels import Labels, PictureKey
from scoring.records.ledger import ChunkCost, Ledger, Run, ScoredImage
from scoring.records.publish import publish_results
from scoring.settings import Settings

NOW = datetime(2026, 11, 21, 18, 5, tzinfo=UTC)
RUN = Run("r1", "manual", None, "new", ("G1",), "running", "", "fashion", "v1", NOW, None)


@pytest.fixture
def ledger(settings: Settings) -> Iterator[Ledger]:
    with Ledger(settings.ledger_file, 1.0) as ledger:
        ledger.start_run(RUN)
        yield ledger


@pytest.fixture
def events(settings: Settings) -> EventsLog:
    return EventsLog(settings.logs_folder, 100_000, 2)


def score(ledger: Ledger, images: int) -> None:
    """List three images in the run and score the first ones."""
    ledger.touch_batch("r1", "G1", 0, ["1.png", "2.png", "3.png"])
    scored = [
        ScoredImage(num, f"{num}.png", "d", label="Bag", confidence=0.9)
        for num in range(1, images + 1)
    ]
    ledger.commit_chunk("r1", "G1", "v1", scored, ChunkCost(), NOW)


def test_what_was_scored_before_the_end_is_shown_and_the_rest_says_that_it_waits(
    settings: Settings, ledger: Ledger, events: EventsLog
) -> None:
    score(ledger, 2)
    assert ledger.unwritten_batches() == {"G1"}
    assert publish_results(settings, ledger, events, RUN) == settings.results_file
    lines = settings.results_file.read_text(encoding="utf-8-sig").splitlines()
    assert [line.split(",")[3] for line in lines] == ["Item", "Bag", "Bag", ""]
    assert "not scored yet" in lines[3]
    copy = settings.logs_folder / "runs" / "r1" / "Results.csv"
    assert copy.read_bytes() == settings.results_file.read_bytes()
    assert ledger.unwritten_batches() == frozenset()


@pytest.mark.parametrize("images", [None, 0])
def test_a_run_with_nothing_to_show_leaves_the_results_alone(
    settings: Settings, ledger: Ledger, events: EventsLog, images: int | None
) -> None:
    if images is not None:
        score(ledger, images)
    assert publish_results(settings, ledger, events, RUN) is None
    assert not settings.results_file.exists()


def test_results_that_cannot_be_put_in_place_stay_owed(
    settings: Settings, ledger: Ledger, events: EventsLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "disk full")

    score(ledger, 3)
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="disk full"):
        publish_results(settings, ledger, events, RUN)
    assert ledger.unwritten_batches() == {"G1"}


class Days:
    """Runs one after the other; each scores some batches and is published."""

    def __init__(self, settings: Settings, ledger: Ledger, events: EventsLog) -> None:
        self.settings, self.ledger, self.events = settings, ledger, events
        self.count = 0

    def open(self, *, nightly: bool = False) -> Run:
        self.count += 1
        day = date(2026, 11, self.count) if nightly else None
        run = replace(
            RUN, id=f"run{self.count}", kind="nightly" if nightly else "manual", due_date=day,
            scope="new" if nightly else "all",
        )  # fmt: skip
        self.ledger.start_run(run)
        return run

    def score(
        self, run: Run, batches: dict[str, str], images: int = 2, scored: int | None = None
    ) -> None:
        """Show a number of images of each batch in a run, with the given label."""
        for position, (batch, label) in enumerate(batches.items()):
            paths = [f"{num}.png" for num in range(1, images + 1)]
            self.ledger.touch_batch(run.id, batch, position, paths)
            done = [
                ScoredImage(num, path, f"{num}", label=label, confidence=0.9)
                for num, path in enumerate(paths[:scored], start=1)
            ]
            self.ledger.commit_chunk(run.id, batch, label, done, ChunkCost(), NOW)

    def publish(self, run: Run, out: Path | None = None) -> Path | None:
        return publish_results(self.settings, self.ledger, self.events, run, out)

    def shown(self, path: Path | None = None) -> list[tuple[str, str, str]]:
        """Return number, batch and item of every row."""
        with (path or self.settings.results_file).open(encoding="utf-8-sig", newline="") as file:
            return [(row[0], row[1], row[3]) for row in list(csv.reader(file))[1:]]


@pytest.fixture
def days(settings: Settings, ledger: Ledger, events: EventsLog) -> Days:
    return Days(settings, ledger, events)


def both(batch: str, item: str) -> list[tuple[str, str, str]]:
    return [("1", batch, item), ("2", batch, item)]


def a_night(days: Days, **batches: str) -> Run:
    run = days.open(nightly=True)
    days.score(run, batches)
    days.publish(run)
    return run


def by_hand(days: Days, out: Path | None = None, **batches: str) -> Run:
    run = days.open()
    days.score(run, batches)
    days.publish(run, out)
    return run


def test_a_run_by_hand_adds_its_batches_and_takes_nothing_of_the_night_away(days: Days) -> None:
    a_night(days, G1="Bag", G2="Coat")
    run = by_hand(days, G9="Shirt")
    assert days.shown() == both("G1", "Bag") + both("G2", "Coat") + both("G9", "Shirt")
    copy = days.settings.logs_folder / "runs" / run.id / "Results.csv"
    assert copy.read_bytes() == days.settings.results_file.read_bytes()


def test_a_batch_scored_again_by_hand_has_its_rows_replaced_where_they_stand(days: Days) -> None:
    a_night(days, G1="Bag", G2="Coat")
    by_hand(days, G1="Shirt")
    assert days.shown() == both("G1", "Shirt") + both("G2", "Coat")


def test_the_next_night_takes_the_place_of_all_before_it(days: Days) -> None:
    a_night(days, G1="Bag")
    by_hand(days, G2="Coat")
    a_night(days, G3="Shirt")
    assert days.shown() == both("G3", "Shirt")
    assert days.ledger.unwritten_batches() == frozenset()


def test_what_was_scored_by_hand_beside_an_interrupted_night_stays(days: Days) -> None:
    """The night was opened before, and ends after."""
    night = days.open(nightly=True)
    days.score(night, {"G1": "Bag"})
    by_hand(days, G2="Coat")
    days.publish(night)
    assert days.shown() == both("G1", "Bag") + both("G2", "Coat")


def test_an_empty_batch_by_hand_takes_away_its_own_rows_and_no_others(days: Days) -> None:
    a_night(days, G1="Bag", G2="Coat")
    empty = days.open()
    days.score(empty, {"new": ""}, images=0)
    assert days.publish(empty)
    assert days.shown() == both("G1", "Bag") + both("G2", "Coat")
    emptied = days.open()
    days.score(emptied, {"G1": ""}, images=0)
    assert days.publish(emptied)
    assert days.shown() == both("G2", "Coat")


def test_an_empty_batch_by_hand_is_a_header_where_nothing_else_is_shown(days: Days) -> None:
    empty = days.open()
    days.score(empty, {"new": ""}, images=0)
    assert days.publish(empty) == days.settings.results_file
    assert days.shown() == []


@pytest.mark.parametrize("nightly", [True, False])
def test_a_run_of_which_nothing_is_scored_changes_nothing(days: Days, nightly: bool) -> None:
    a_night(days, G1="Bag")
    failed = days.open(nightly=nightly)
    days.score(failed, {"G1": "Coat", "G2": "Coat"}, scored=0)
    assert days.publish(failed) is None
    assert days.publish(days.open()) is None
    assert days.shown() == both("G1", "Bag")


def test_a_batch_that_a_failed_run_did_not_come_to_keeps_its_rows(days: Days) -> None:
    a_night(days, G1="Bag", G2="Coat")
    failed = days.open()
    days.score(failed, {"G1": "Shirt"})
    days.ledger.touch_batch(failed.id, "G2", 1, ["1.png", "2.png"])
    days.ledger.touch_batch(failed.id, "G3", 2, ["1.png"])
    days.publish(failed)
    assert days.shown() == both("G1", "Shirt") + both("G2", "Coat") + [("1", "G3", "")]


def test_out_writes_only_what_its_run_scored(days: Days, tmp_path: Path) -> None:
    a_night(days, G1="Bag")
    before = days.settings.results_file.read_bytes()
    run = by_hand(days, tmp_path / "mine.csv", G1="Shirt", G2="Coat")
    assert days.shown(tmp_path / "mine.csv") == both("G1", "Shirt") + both("G2", "Coat")
    assert days.settings.results_file.read_bytes() == before
    copy = days.settings.logs_folder / "runs" / run.id / "Results.csv"
    assert days.shown(copy) == days.shown(tmp_path / "mine.csv")
    by_hand(days, G3="Bag")
    assert days.shown() == both("G1", "Bag") + both("G3", "Bag")


def test_what_people_said_stands_beside_what_the_model_said(days: Days, tmp_path: Path) -> None:
    a_night(days, G1="Bag", G2="Bag")
    labels = Labels(days.ledger)
    picture = PictureKey("G1", "2.png", "2")
    review = labels.add(picture, "not a garment", reviewer="anna", source="desk")
    undone = labels.add(
        replace(picture, batch="G2"), "label", "Bag", reviewer="anna", source="desk"
    )
    labels.undo(undone.id, "anna")
    by_hand(days, G3="Bag")
    assert corrected(days.settings.results_file) == ["", "not a garment", "", "", "", ""]
    labels.add(picture, "label", "Bag", reviewer="ben", source="desk", expected=review.id)
    by_hand(days, tmp_path / "mine.csv", G1="Bag")
    assert corrected(tmp_path / "mine.csv") == ["", "Bag"]


def test_a_picture_that_has_changed_is_one_that_nobody_has_judged(days: Days) -> None:
    a_night(days, G1="Bag")
    Labels(days.ledger).add(
        PictureKey("G1", "2.png", "2"), "cannot tell", reviewer="anna", source="desk"
    )
    night = days.open(nightly=True)
    days.ledger.touch_batch(night.id, "G1", 0, ["1.png", "2.png"])
    changed = [ScoredImage(2, "2.png", "other", label="Bag", confidence=0.9)]
    days.ledger.commit_chunk(night.id, "G1", "Bag", changed, ChunkCost(), NOW)
    days.publish(night)
    assert corrected(days.settings.results_file) == ["", ""]


def corrected(path: Path) -> list[str]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return [row["Corrected item"] for row in csv.DictReader(file)]


def test_results_that_went_elsewhere_are_owed_where_their_images_are_new(
    days: Days, tmp_path: Path
) -> None:
    """A trial over what the desk has seen is a trial; what it has not seen must reach it."""
    a_night(days, G1="Bag")
    by_hand(days, tmp_path / "trial.csv", G1="Shirt")
    assert days.ledger.unwritten_batches() == frozenset()
    by_hand(days, tmp_path / "early.csv", G2="Coat")
    assert days.ledger.unwritten_batches() == {"G2"}
    a_night(days, G2="Coat")
    assert days.ledger.unwritten_batches() == frozenset()


def test_what_could_not_be_written_is_written_by_the_next_run(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "disk full")

    a_night(days, G1="Bag")
    run = days.open()
    days.score(run, {"G2": "Coat"})
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        with pytest.raises(OSError, match="disk full"):
            days.publish(run)
    assert days.shown() == both("G1", "Bag")
    assert days.ledger.unwritten_batches() == {"G2"}
    by_hand(days, G3="Shirt")
    assert days.shown() == both("G1", "Bag") + both("G2", "Coat") + both("G3", "Shirt")
    assert days.ledger.unwritten_batches() == frozenset()


def test_numbers_of_a_batch_do_not_depend_on_the_batches_beside_it(days: Days) -> None:
    a_night(days, G1="Bag", G2="Coat")
    night = days.open(nightly=True)
    days.score(night, {"G0": "Bag"}, images=3)
    days.ledger.touch_batch(night.id, "G2", 1, ["0.png", "1.png", "2.png"])
    days.publish(night)
    assert [(num, batch) for num, batch, _ in days.shown()] == [
        ("1", "G0"), ("2", "G0"), ("3", "G0"), ("3", "G2"), ("1", "G2"), ("2", "G2")
    ]  # fmt: skip


def test_an_upgraded_or_pruned_ledger_still_knows_what_results_show(days: Days) -> None:
    """For more than a year nothing was new: the list is that old run's, whatever its age."""
    first = a_night(days, G1="Bag")
    days.ledger.finish_run(first.id, "done", "", NOW)
    for _ in range(2):
        empty = days.open(nightly=True)
        days.ledger.finish_run(empty.id, "done", "0 new images", NOW)
    days.ledger.prune(datetime(2030, 1, 1, tzinfo=UTC), lambda *_: False)
    assert [run.id for run in days.ledger.runs(9)] == ["run3", "run1", "r1"]
    by_hand(days, G2="Coat")
    assert days.shown() == both("G1", "Bag") + both("G2", "Coat")
