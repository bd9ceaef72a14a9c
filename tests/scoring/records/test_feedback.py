"""Programs say what pictures show: the reviews are the same as the desk's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from scoring.records.answers import Answer
from scoring.records.feedback import Feedback, Outcome, SeveralPictures, Taken, take
from scoring.records.labels import Labels
from scoring.records.ledger import ChunkCost, Ledger, Run
from scoring.records.reviews import ReviewConflict, UnknownLabel, UnknownPicture
from tests.scoring.records.scored import NOW, add_run, picture, scored, scored_ledger

COAT = Feedback("Coat", "anna", content_hash="a1")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with scored_ledger(tmp_path / "ledger.db") as ledger:
        yield ledger


def one(ledger: Ledger, said: Feedback, model: str = "fashion") -> Outcome:
    (outcome,) = take(ledger, model, [said])
    return outcome


def test_a_picture_is_known_by_its_content_or_its_place(ledger: Ledger) -> None:
    said = [
        COAT,
        Feedback("shirt", "anna", batch="G1", path="2.png", note="collar"),
        Feedback("not a garment", "anna", content_hash="a3", batch="G1", path="3.png"),
    ]
    found = take(ledger, "fashion", said)
    reviews = [outcome.review for outcome in found if isinstance(outcome, Taken)]
    assert [(one.picture, one.answer, one.source) for one in reviews] == [
        (picture(1), Answer("label", "Coat"), "api"),
        (picture(2), Answer("label", "Shirt"), "api"),
        (picture(3), Answer("not a garment"), "api"),
    ]
    assert (reviews[1].note, reviews[1].said.predicted) == ("collar", "Bag")
    assert Labels(ledger).current(picture(2)) == reviews[1]


def test_a_verdict_is_no_class_of_the_same_name(ledger: Ledger) -> None:
    ledger.keep_model_facts("v2", "shop", {"labels": ["mug", "cannot tell"]})
    run = Run("r9", "manual", None, "all", ("S1",), "running", "", "shop", "v2", NOW, None)
    ledger.start_run(run)
    ledger.touch_batch("r9", "S1", 0, ["1.png", "2.png"])
    images = [scored(num, 9, "c") for num in (1, 2)]
    ledger.commit_chunk("r9", "S1", "v2", images, ChunkCost(), NOW)
    said = [
        Feedback(Answer("cannot tell"), "anna", batch="S1", path="1.png"),
        Feedback("cannot tell", "anna", batch="S1", path="2.png"),
    ]
    found = take(ledger, "shop", said)
    assert [outcome.review.answer for outcome in found if isinstance(outcome, Taken)] == [
        Answer("cannot tell"),
        Answer("label", "cannot tell"),
    ]


def test_the_same_said_again_is_one_review(ledger: Ledger) -> None:
    first, again = take(ledger, "fashion", [COAT, COAT])
    later = one(ledger, replace(COAT, answer="coat", expected=77))
    assert isinstance(first, Taken)
    assert isinstance(again, Taken)
    assert again.review == first.review
    assert later == Taken(first.review, is_new=False)
    assert len(Labels(ledger).history(picture(1))) == 1


def test_nothing_is_written_over_that_the_sender_has_not_seen(ledger: Ledger) -> None:
    desk = Labels(ledger).add(picture(1), "label", "Shirt", reviewer="ben", source="desk")
    refused = one(ledger, COAT)
    assert isinstance(refused, ReviewConflict)
    assert refused.standing == desk
    taken = one(ledger, replace(COAT, expected=desk.id))
    assert isinstance(taken, Taken)
    assert (taken.review.replaces, taken.is_new) == (desk.id, True)
    assert isinstance(one(ledger, replace(COAT, answer="Bag", expected=desk.id)), ReviewConflict)


def test_what_nobody_scored_or_no_label_is_refused_alone(ledger: Ledger) -> None:
    add_run(ledger, "r2", {"N1": 2}, version="v2", content="n")
    said = [
        Feedback("Coat", "anna", content_hash="f" * 64),
        Feedback("Coat", "anna", batch="G1", path="9.png"),
        Feedback("Coat", "anna", content_hash="a1", batch="G2"),
        Feedback("Hat", "anna", content_hash="a1"),
        COAT,
    ]
    found = take(ledger, "fashion", said)
    kinds = [UnknownPicture, UnknownPicture, UnknownPicture, UnknownLabel, Taken]
    assert [type(outcome) for outcome in found] == kinds
    assert "Bag, Coat, Shirt" in str(found[3])
    assert isinstance(one(ledger, COAT, "digits"), UnknownPicture)


def test_a_content_in_several_places_wants_a_place(ledger: Ledger) -> None:
    add_run(ledger, "r2", {"G2": 4, "G3": 4})
    refused = one(ledger, COAT)
    assert isinstance(refused, SeveralPictures)
    assert "G1/1.png, G2/1.png, G3/1.png" in str(refused)
    taken = one(ledger, replace(COAT, batch="G2"))
    assert isinstance(taken, Taken)
    assert taken.review.picture == picture(1, "G2")


def test_of_a_file_that_changed_the_newest_content_counts(ledger: Ledger) -> None:
    add_run(ledger, "r2", {"G1": 4}, content="b")
    taken = one(ledger, Feedback("Coat", "anna", batch="G1", path="1.png"))
    assert isinstance(taken, Taken)
    assert taken.review.picture == picture(1, content="b")
    old = one(ledger, COAT)
    assert isinstance(old, Taken), "whoever names the content means that one"
    assert old.review.picture == picture(1)


@pytest.mark.parametrize("said", [COAT, Feedback("Coat", "anna", batch="G1", path="1.png")])
def test_a_picture_is_looked_up_by_an_index(
    ledger: Ledger, said: Feedback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through the pictures of years, at every request, it would take seconds."""
    plans: list[str] = []
    query = ledger.database.query

    def explained(statement: str, parameters: Sequence[Any] = ()) -> list[Any]:
        plan = query(f"EXPLAIN QUERY PLAN {statement}", parameters)
        plans.extend(str(row[-1]) for row in plan)
        return query(statement, parameters)

    monkeypatch.setattr(ledger.database, "query", explained)
    assert isinstance(one(ledger, said), Taken)
    steps = [step for step in plans if " p " in step]
    assert steps
    assert all(step.startswith("SEARCH p USING INDEX") for step in steps), steps
