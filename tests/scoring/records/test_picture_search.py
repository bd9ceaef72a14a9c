"""Pictures found in the ledger: which, in what order, how far back at once."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from scoring.records import picture_search
from scoring.records.ledger import ChunkCost, Ledger, Run, ScoredImage
from scoring.records.picture_search import Wanted, batches, said_of, search
from scoring.records.reviews import PictureKey
from scoring.settings import Settings

NOW = datetime(2026, 11, 21, 18, 5, tzinfo=UTC)


@pytest.fixture
def ledger(settings: Settings) -> Iterator[Ledger]:
    with Ledger.from_settings(settings) as ledger:
        yield ledger


def add(ledger: Ledger, run_id: str, images: list[ScoredImage], *, version: str = "v1") -> None:
    at = NOW + timedelta(minutes=len(ledger.runs(100)))
    ledger.start_run(Run(run_id, "manual", None, "all", ("G1",), "running", "", "fashion", version,
                         at, None))  # fmt: skip
    ledger.touch_batch(run_id, "G1", 0, [one.path for one in images])
    ledger.commit_chunk(run_id, "G1", version, images, ChunkCost(), at)
    ledger.finish_run(run_id, "done", "", at)


def image(number: int, label: str = "Bag", review: str | None = None) -> ScoredImage:
    return ScoredImage(number, f"item_{number}.png", f"hash-{number}", label, 0.9, review)


def paths(ledger: Ledger, **wanted: str) -> list[str]:
    return [one.picture.path for one in search(ledger, Wanted(**wanted)).found]  # type: ignore[arg-type]


def test_of_a_file_the_latest_run_counts(ledger: Ledger) -> None:
    add(ledger, "a", [image(1, "Bag")])
    add(ledger, "b", [image(1, "Coat")], version="v2")
    assert [one.label for one in search(ledger, Wanted()).found] == ["Coat"]
    assert [one.label for one in said_of(ledger, PictureKey("G1", "item_1.png", "hash-1"))] == [
        "Coat",
        "Bag",
    ]


def test_a_name_is_no_pattern(ledger: Ledger) -> None:
    add(ledger, "a", [image(1), image(11)])
    assert paths(ledger, name="ITEM_1.") == ["item_1.png"]
    for pattern in ("%", "item%png", "item-1", "\\"):
        assert paths(ledger, name=pattern) == []


def test_a_name_is_found_as_pages_call_it_in_any_case_and_however_it_is_made_up(
    ledger: Ledger,
) -> None:
    decomposed = unicodedata.normalize("NFD", "Ärmel.png")
    images = [image(1), ScoredImage(2, decomposed, "hash-2", "Bag", 0.9)]
    add(ledger, "a", images)
    assert paths(ledger, name="g1/ITEM_1.png") == ["item_1.png"]
    assert paths(ledger, name="G1") == [], "it is no part of the path"
    assert paths(ledger, name="ärmel") == [decomposed]
    assert Wanted(name="ÄRMEL").is_named(PictureKey("G1", decomposed, "hash-2"))
    assert not Wanted(name="G2/").is_named(PictureKey("G1", decomposed, "hash-2"))


def test_a_reason_is_one_of_several(ledger: Ledger) -> None:
    add(ledger, "a", [image(1, review="low confidence; not a garment?"), image(2)])
    assert paths(ledger, reason="not a garment?") == ["item_1.png"]
    assert paths(ledger, reason="low") == []
    assert paths(ledger, reason="failed") == []


def test_a_page_looks_no_further_back_than_it_may(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picture_search, "AT_ONCE", 4)
    add(ledger, "a", [image(n, "Coat" if n == 1 else "Bag") for n in range(1, 11)])
    page = search(ledger, Wanted(label="Coat"))
    pages = 1
    while not page.found:
        assert page.before is not None
        page = search(ledger, Wanted(label="Coat"), before=page.before)
        pages += 1
    assert pages == 3
    assert [one.picture.path for one in page.found] == ["item_1.png"]
    assert page.before is None


def test_batches_are_named_once(ledger: Ledger) -> None:
    add(ledger, "a", [image(1)])
    add(ledger, "b", [image(2)])
    assert batches(ledger) == ["G1"]
