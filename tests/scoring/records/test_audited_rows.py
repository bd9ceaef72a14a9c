"""What people said of a run's images: the last word on each, of that version of the model."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from msgspec.structs import replace

from scoring.records.audited_rows import AuditedRun, audited_run
from scoring.records.labels import Labels, PictureKey, Source
from scoring.records.ledger import ChunkCost, Ledger, Model, Run, ScoredImage
from tests.scoring.records.scored import LABELS, NIGHT, NOW


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """Yield one with a night of eight images, the last two of them marked, one more failed."""
    with Ledger(tmp_path / "ledger.db", 1) as ledger:
        ledger.keep_model_facts("v1", "fashion", {"labels": list(LABELS)})
        ledger.start_run(NIGHT)
        ledger.touch_batch("n1", "G1", 0, [str(n) for n in range(9)], Model("fashion", "v1"))
        images = [
            ScoredImage(n + 1, str(n), f"d{n}", "Bag", 0.9, "low" if n > 5 else None)
            for n in range(8)
        ]
        images.append(ScoredImage(9, "8", "", error="unreadable"))
        ledger.commit_chunk("n1", "G1", "v1", images, ChunkCost(), NOW)
        ledger.close_batch("n1", "G1", 1.0)
        ledger.finish_run("n1", "done", "", NOW, 4)
        yield ledger


def look(ledger: Ledger) -> AuditedRun:
    return audited_run(ledger.database, "n1", "v1")


def sample(ledger: Ledger) -> list[PictureKey]:
    rows = ledger.database.query("SELECT batch, path, content_hash FROM audit_sample")
    return [PictureKey(*row) for row in rows]


def say(
    ledger: Ledger,
    picture: PictureKey,
    label: str | None,
    verdict: str = "label",
    source: Source = "desk",
) -> int:
    labels = Labels(ledger, now=lambda: NOW)
    standing = labels.current(picture)
    return labels.add(
        picture,
        verdict,  # type: ignore[arg-type]
        label,
        reviewer="anna",
        source=source,
        expected=standing.id if standing else None,
    ).id


def test_before_anybody_has_judged(ledger: Ledger) -> None:
    assert look(ledger) == AuditedRun(6, 4, (), 0, 0, 0.0, 2, 1.8)


def test_right_wrong_not_a_garment_and_cannot_tell(ledger: Ledger) -> None:
    first, second, third, fourth = sample(ledger)
    say(ledger, first, "Bag")
    say(ledger, second, "Coat")
    say(ledger, third, None, "not a garment")
    say(ledger, fourth, None, "cannot tell")
    assert [one.right for one in look(ledger).judged] == [True, False, False]


def test_the_last_word_counts_and_none_that_is_undone(ledger: Ledger) -> None:
    first, second, *_ = sample(ledger)
    say(ledger, first, "Coat")
    say(ledger, first, "Bag")
    Labels(ledger, now=lambda: NOW).undo(say(ledger, second, "Coat"), "anna")
    assert [one.right for one in look(ledger).judged] == [True]


def test_the_marked_are_counted_apart(ledger: Ledger) -> None:
    say(ledger, PictureKey("G1", "6", "d6"), "Coat")
    found = look(ledger)
    assert (found.marked_right, found.marked_wrong, found.waiting) == (0, 1, 1)
    assert found.marked_surprise == pytest.approx(-0.9)
    say(ledger, PictureKey("G1", "7", "d7"), "Bag")
    assert (look(ledger).marked_right, look(ledger).waiting) == (1, 0)
    assert look(ledger).judged == ()


def test_what_was_said_of_another_version_is_none_of_it(ledger: Ledger) -> None:
    say(ledger, sample(ledger)[0], "Bag")
    with ledger.database.transaction() as connection:
        connection.execute("UPDATE reviews SET model_version = 'v2'")
    assert look(ledger).judged == ()
    assert audited_run(ledger.database, "n1", "v2") == AuditedRun(0, 0, (), 0, 0, 0.0, 0, 0.0)


def test_what_somebody_picked_stands_apart_until_the_whole_sample_is_judged(
    ledger: Ledger,
) -> None:
    first, second, third, fourth = sample(ledger)
    say(ledger, first, "Coat", source="api")
    say(ledger, second, "Coat", source="Results.csv")
    say(ledger, third, "Bag")
    found = look(ledger)
    assert [one.right for one in found.judged] == [True]
    assert [one.right for one in found.picked] == [False, False]
    say(ledger, fourth, "Bag")
    whole = look(ledger)
    assert sorted(one.right for one in whole.judged) == [False, False, True, True]
    assert whole.picked == ()


LISTED = [str(n) for n in range(9)]
OF_THE_NIGHT = [
    ScoredImage(n + 1, str(n), f"d{n}", "Bag", 0.9, "low" if n > 5 else None) for n in range(8)
]
ADDED = ScoredImage(9, "8", "d8", "Bag", 0.5, "low")
BY_HAND = replace(NIGHT, id="n2", kind="manual", due_date=None)


def score(ledger: Ledger, run: Run, images: list[ScoredImage]) -> None:
    """Let a run that lists nine images score some of them."""
    ledger.start_run(run)
    ledger.touch_batch(run.id, "G1", 0, LISTED, Model("fashion", "v1"))
    ledger.commit_chunk(run.id, "G1", "v1", images, ChunkCost(), NOW)
    ledger.close_batch(run.id, "G1", 1.0)
    ledger.finish_run(run.id, "done", "", NOW, 4)


def test_what_was_said_of_marked_ones_counts_in_a_run_that_scores_them_again(
    ledger: Ledger,
) -> None:
    say(ledger, PictureKey("G1", "6", "d6"), "Coat")
    score(ledger, BY_HAND, OF_THE_NIGHT)
    say(ledger, PictureKey("G1", "7", "d7"), "Bag")
    for run_id in ("n1", "n2"):
        found = audited_run(ledger.database, run_id, "v1")
        assert (found.marked_right, found.marked_wrong, found.waiting) == (1, 1, 0)


def test_marked_ones_that_wait_are_as_sure_as_they_were_when_scored_again(ledger: Ledger) -> None:
    before = look(ledger)
    score(ledger, BY_HAND, OF_THE_NIGHT)
    assert look(ledger) == before


def test_what_an_earlier_night_had_marked_is_no_later_nights(ledger: Ledger) -> None:
    score(ledger, replace(NIGHT, id="n3", due_date=date(2026, 11, 22)), [ADDED])
    score(ledger, BY_HAND, [*OF_THE_NIGHT, ADDED])
    say(ledger, PictureKey("G1", "6", "d6"), "Coat")
    found = audited_run(ledger.database, "n3", "v1")
    assert (found.marked_wrong, found.waiting, found.waiting_confidence) == (0, 1, 0.5)
