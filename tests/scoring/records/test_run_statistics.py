"""How a run's images are spread, and the worst of them."""

from __future__ import annotations

from datetime import date

from msgspec.structs import replace

from scoring.records import run_statistics
from scoring.records.ledger import ChunkCost, Ledger, Model, Run, ScoredImage
from tests.scoring.records.scored import NIGHT, NOW

RUN = replace(NIGHT, id="r1")


def seen(num: int, confidence: float, review: str | None = None, label: str = "Bag") -> ScoredImage:
    return ScoredImage(num, f"{num}.png", f"d{num}", label, confidence, review, brightness=0.5)


def broken(num: int, error: str) -> ScoredImage:
    return ScoredImage(num, f"{num}.png", "", error=error)


def score(ledger: Ledger, run: Run, images: list[ScoredImage]) -> None:
    ledger.start_run(run)
    paths = [f"{num}.png" for num in range(1, len(images) + 2)]
    ledger.touch_batch(run.id, "G1", 0, paths, Model("fashion", "v1"))
    ledger.commit_chunk(run.id, "G1", "v1", images, ChunkCost(), NOW)
    ledger.close_batch(run.id, "G1", 2.0)
    ledger.finish_run(run.id, "done", "", NOW)


def test_confidences_fall_into_bins_and_certainty_into_the_last(ledger: Ledger) -> None:
    score(ledger, RUN, [seen(1, 0.0, "x"), seen(2, 0.049), seen(3, 0.5), seen(4, 1.0, "x")])
    bins = run_statistics.confidence_bins(ledger.database, "r1", 20)
    assert {(one.place, one.images, one.flagged) for one in bins} == {
        (0, 2, 1), (10, 1, 0), (19, 1, 1)
    }  # fmt: skip
    assert {one.model_version for one in bins} == {"v1"}


def test_the_rare_reason_is_not_drowned_by_the_frequent_one(ledger: Ledger) -> None:
    often = [seen(num, 0.3 + num / 100, "low confidence") for num in range(1, 11)]
    score(ledger, RUN, [*often, seen(11, 0.9, "not a garment?"), seen(12, 0.99)])
    assert run_statistics.reasons(ledger.database, "r1") == [
        ("v1", "low confidence", 10), ("v1", "not a garment?", 1)
    ]  # fmt: skip
    worst = run_statistics.flagged(ledger.database, "r1", 3)
    assert [one.path for one in worst] == ["1.png", "11.png", "2.png"]


def test_what_failed_is_told_by_its_error(ledger: Ledger) -> None:
    score(ledger, RUN, [broken(1, "cut"), broken(2, "cut"), broken(3, "empty"), seen(4, 0.9)])
    assert run_statistics.errors(ledger.database, "r1") == [("cut", 2), ("empty", 1)]
    some = run_statistics.failed(ledger.database, "r1", 2)
    assert [(one.path, one.reason) for one in some] == [("1.png", "cut"), ("3.png", "empty")]
    assert run_statistics.shown_images(ledger.database, "r1") == {"G1": (5, 1)}


def test_a_batch_is_closed_with_its_classes_and_the_means_of_its_images(ledger: Ledger) -> None:
    score(ledger, RUN, [seen(1, 0.8), seen(2, 0.6), seen(3, 1.0, label="Coat"), broken(4, "cut")])
    (figures,) = ledger.figures_of(replace(RUN, state="done"))
    assert figures.class_counts == {"Bag": 2, "Coat": 1}
    assert figures.image_means["brightness"] == 0.5
    assert figures.image_means["outlier_score"] is None


def test_earlier_runs_are_those_of_the_same_kind_that_had_images(ledger: Ledger) -> None:
    by_hand = replace(RUN, id="r0", kind="manual", due_date=None)
    score(ledger, by_hand, [seen(9, 0.5)])
    for day in (18, 19, 20):
        night = replace(RUN, id=f"n{day}", due_date=date(2026, 11, day))
        score(ledger, night, [seen(day, 0.5)] if day != 19 else [])
    score(ledger, RUN, [seen(1, 0.5)])
    score(ledger, replace(RUN, id="later", due_date=date(2026, 11, 22)), [seen(2, 0.5)])
    found = [one.run.id for night in ledger.figures_before(RUN, 90) for one in night]
    assert found == ["n20", "n18"]
    assert [len(night) for night in ledger.figures_before(RUN, 1)] == [1]
    assert ledger.count_before(RUN) == 4
    assert list(ledger.figures_before(by_hand, 90)) == []
