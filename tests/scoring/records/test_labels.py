"""What people said is written once, stands until somebody takes it back, and is never lost."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from scoring.records.answers import Answer
from scoring.records.labels import (
    Decision,
    Labels,
    PictureKey,
    Review,
    ReviewConflict,
    ReviewRefused,
    UnknownLabel,
    UnknownPicture,
)
from scoring.records.ledger import Ledger
from tests.scoring.records.scored import LABELS, NOW, add_run, picture, scored_ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with scored_ledger(tmp_path / "ledger.db") as ledger:
        yield ledger


@pytest.fixture
def labels(ledger: Ledger) -> Labels:
    return Labels(ledger, now=lambda: NOW)


def say(labels: Labels, label: str, num: int = 1, expected: int | None = None) -> Review:
    return labels.add(
        picture(num), "label", label, reviewer="anna", source="desk", expected=expected
    )


def test_a_review_knows_what_the_model_had_said(labels: Labels) -> None:
    review = labels.add(
        *(picture(1), "label", "Coat"),
        reviewer="anna",
        source="desk",
        seconds=1.5,
        blind=True,
        note="belt",
    )
    said = review.said
    assert (said.run_id, said.model_name, said.model_version) == ("r1", "fashion", "v1")
    assert (said.predicted, said.flagged) == ("Bag", "low confidence")
    assert (review.seconds, review.blind, review.note) == (1.5, True, "belt")
    assert review.decided_at == "2026-11-21T18:05:00.000000+00:00"
    assert labels.current(picture(1)) == review
    assert list(labels.all_current()) == [review]
    assert list(labels.since(0)) == [review]
    assert labels.latest_id() == review.id


def test_a_picture_that_failed_is_reviewed_too(labels: Labels) -> None:
    review = labels.add(picture(4), "cannot tell", reviewer="anna", source="desk")
    assert (review.said.predicted, review.said.model_version) == (None, "v1")


def test_who_saw_what_no_longer_stands_is_told_what_does(labels: Labels) -> None:
    first = say(labels, "Coat")
    with pytest.raises(ReviewConflict, match="anna has decided meanwhile: Coat") as conflict:
        labels.add(picture(1), "label", "Shirt", reviewer="ben", source="desk")
    assert conflict.value.standing == first
    second = labels.add(
        picture(1), "label", "Shirt", reviewer="ben", source="desk", expected=first.id
    )
    assert second.replaces == first.id
    assert labels.current(picture(1)) == second
    assert labels.history(picture(1)) == [first, second]


def test_a_decision_asked_for_twice_is_one_row(labels: Labels) -> None:
    first = say(labels, "Coat")
    assert say(labels, "Coat") == first
    undone = labels.undo(first.id, "anna")
    assert labels.undo(first.id, "anna") == undone
    assert len(list(labels.since(0))) == 2


def test_an_undo_leaves_nothing_standing_and_everything_written(labels: Labels) -> None:
    first = say(labels, "Coat")
    undone = labels.undo(first.id, "ben")
    assert (undone.verdict, undone.label, undone.replaces) == ("undone", None, first.id)
    assert undone.said == first.said
    assert labels.current(picture(1)) is None
    assert list(labels.all_current()) == []
    again = say(labels, "Coat")
    assert again.id > undone.id
    assert labels.history(picture(1)) == [first, undone, again]


def test_only_what_stands_is_undone(labels: Labels) -> None:
    first = say(labels, "Coat")
    second = say(labels, "Shirt", expected=first.id)
    with pytest.raises(ReviewConflict, match="Shirt"):
        labels.undo(first.id, "anna")
    undone = labels.undo(second.id, "anna")
    with pytest.raises(ReviewConflict, match="was undone meanwhile"):
        labels.undo(second.id, "ben")
    with pytest.raises(ReviewRefused, match="no review"):
        labels.undo(undone.id, "anna")
    with pytest.raises(ReviewRefused, match="no review 99"):
        labels.undo(99, "anna")


@pytest.mark.parametrize(
    ("verdict", "label"),
    [("label", "Hat"), ("label", "coat"), ("label", None), ("undone", None),
     ("cannot tell", "Coat")],
)  # fmt: skip
def test_what_is_no_answer_is_refused(labels: Labels, verdict: str, label: str | None) -> None:
    with pytest.raises(UnknownLabel, match="Ankle boot" if verdict == "label" else "undo"):
        labels.add(picture(1), verdict, label, reviewer="anna", source="desk")  # type: ignore[arg-type]
    assert labels.latest_id() == 0


def test_a_picture_that_nobody_has_scored_is_refused(labels: Labels) -> None:
    for unknown in (PictureKey("G1", "1.png", "other"), PictureKey("G1", "1.png", "")):
        with pytest.raises(UnknownPicture, match=r"G1/1\.png"):
            labels.add(unknown, "cannot tell", reviewer="anna", source="desk")


def test_the_labels_are_those_of_the_model_that_looked_last(labels: Labels, ledger: Ledger) -> None:
    assert labels.labels_of(picture(1)) == LABELS
    ledger.keep_model_facts("v2", "fashion", {"labels": ["Hat"]})
    add_run(ledger, "r2", {"G1": 4}, version="v2")
    assert labels.labels_of(picture(1)) == ("Hat",)
    assert say(labels, "Hat").said.run_id == "r2"


def test_of_a_model_without_facts_its_answers_are_labels(labels: Labels, ledger: Ledger) -> None:
    add_run(ledger, "r2", {"G2": 2}, version="old")
    assert labels.labels_of(picture(1, "G2")) == ("Bag",)


def test_a_review_outlives_the_runs(labels: Labels, ledger: Ledger) -> None:
    first = say(labels, "Coat")
    with ledger.database.transaction() as connection:
        connection.execute("DELETE FROM runs")
        connection.execute("DELETE FROM predictions")
    assert labels.current(picture(1)) == first
    assert say(labels, "Shirt", expected=first.id).said == first.said


def test_many_are_written_at_once_and_those_refused_come_back(labels: Labels) -> None:
    first = say(labels, "Coat", 2)
    decisions = [Decision(picture(num), Answer("label", "Bag"), "ben", "import") for num in (1, 2)]
    wrong = Decision(picture(3), Answer("label", "Hat"), "ben", "import")
    written, conflict, unknown = labels.add_all([*decisions, wrong])
    assert written == labels.current(picture(1))
    assert isinstance(conflict, ReviewConflict)
    assert conflict.standing == first
    assert isinstance(unknown, UnknownLabel)
    assert labels.current(picture(3)) is None


def test_names_that_are_no_text_are_written_as_text(labels: Labels) -> None:
    hostile = "=cmd()\n<b>\udcff\u202e"
    review = labels.add(picture(1), "label", "Coat", reviewer=hostile, source="api", note=hostile)
    assert labels.current(picture(1)) == review
    again = labels.add(picture(1), "label", "Coat", reviewer=hostile, source="api")
    assert again == review


class Killed(BaseException):
    """A process that is gone in the middle of a transaction."""


class TwoReviewers(RuleBasedStateMachine):
    """Two connections to one file; any of their steps may end before it is committed.

    ``said`` is what each was told is written, in order: the ledger must hold that and no more.
    """

    who = st.sampled_from(["anna", "ben"])
    num = st.integers(1, 3)
    label = st.sampled_from(["Bag", "Coat"])

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "ledger.db"
        self.ledgers = {"anna": scored_ledger(self.path), "ben": Ledger(self.path, 30.0)}
        self.labels = {who: Labels(ledger) for who, ledger in self.ledgers.items()}
        # What each has on his screen: the review that he saw standing.
        self.seen: dict[tuple[str, int], Review | None] = {}
        self.said: list[Review] = []

    def teardown(self) -> None:
        for ledger in self.ledgers.values():
            ledger.close()
        self.folder.cleanup()

    @rule(who=who, num=num)
    def look(self, who: str, num: int) -> None:
        self.seen[who, num] = self.labels[who].current(picture(num))

    @rule(who=who, num=num, label=label, twice=st.booleans())
    def decide(self, who: str, num: int, label: str, twice: bool) -> None:
        seen, stands = self.seen.get((who, num)), self.standing(num)
        for _ in range(1 + twice):
            with suppress(ReviewConflict):
                review = self.labels[who].add(
                    picture(num), "label", label, reviewer=who, source="desk",
                    expected=seen.id if seen else None,
                )  # fmt: skip
                if review not in self.said:
                    assert seen == stands, "a decision was written over one that was not seen"
                    self.said.append(review)

    @rule(who=who, num=num)
    def undo(self, who: str, num: int) -> None:
        seen, stands = self.seen.get((who, num)), self.standing(num)
        if seen is None:
            return
        with suppress(ReviewConflict):
            undone = self.labels[who].undo(seen.id, who)
            if undone not in self.said:
                assert seen == stands, "a review was undone that was not seen"
                self.said.append(undone)

    @rule(who=who, num=num, label=label)
    def die_before_the_end(self, who: str, num: int, label: str) -> None:
        """Nothing of it is written; the next process finds the file as it was."""
        ledger = self.ledgers[who]
        with suppress(Killed), ledger.database.transaction() as connection:
            seen = self.labels[who].current(picture(num))
            decision = Decision(
                picture(num), Answer("label", label), who, "desk", seen.id if seen else None
            )
            self.labels[who]._add(connection, decision)
            raise Killed
        ledger.close()
        self.ledgers[who] = Ledger(self.path, 30.0)
        self.labels[who] = Labels(self.ledgers[who])

    def standing(self, num: int) -> Review | None:
        of_it = [review for review in self.said if review.picture == picture(num)]
        return of_it[-1] if of_it and of_it[-1].verdict != "undone" else None

    @invariant()
    def the_ledger_holds_what_was_said_and_no_more(self) -> None:
        for labels in self.labels.values():
            assert list(labels.since(0)) == self.said
            for num in (1, 2, 3):
                assert labels.current(picture(num)) == self.standing(num)


TwoReviewers.TestCase.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
TestTwoReviewers = TwoReviewers.TestCase


@pytest.mark.parametrize("id_", [-1, 0, 2**63, 10**20])
def test_a_number_that_no_row_can_have_is_no_review(labels: Labels, id_: int) -> None:
    assert labels.get(id_) is None
    with pytest.raises(ReviewRefused):
        labels.undo(id_, "anna")
