"""An image is named, and every picture of it goes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from scoring.protocol.errors import UsageError
from scoring.records.forgetting import contents_of, forget_image
from scoring.records.kept_picture import KeptPicture
from scoring.records.ledger import ChunkCost, Ledger, Model, Run, ScoredImage
from scoring.records.picture_store import PictureStore
from scoring.records.text import printable

NOW = datetime(2026, 11, 21, 18, 5, tzinfo=UTC)
RUN = Run("r1", "manual", None, "all", ("G1",), "running", "", "fashion", "v1", NOW, None)
OLD, NEW, OTHER, STRANGE = ("1" * 64, "2" * 64, "3" * 64, "4" * 64)
NAME = "a\nb\\c.png"
SCORED = {
    "G1": [("1.png", OLD), ("1.png", NEW), ("2.png", OTHER)],
    "shop/G2": [("deep/1.png", OLD), (printable(NAME), STRANGE), ("unreadable.png", "")],
}


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "ledger.db", 1) as ledger:
        ledger.start_run(RUN)
        for position, (batch, images) in enumerate(SCORED.items()):
            rows = [
                ScoredImage(num, path, content, "Bag", 0.5)
                for num, (path, content) in enumerate(images, start=1)
            ]
            paths = list(dict.fromkeys(row.path for row in rows))  # one had two contents
            ledger.touch_batch("r1", batch, position, paths, Model("fashion", "v1"))
            ledger.commit_chunk("r1", batch, "v1", rows, ChunkCost(), NOW)
        yield ledger


@pytest.fixture
def store(tmp_path: Path) -> Iterator[PictureStore]:
    with PictureStore(tmp_path / "pictures.db", 1) as store:
        pictures = [
            KeptPicture("G1", "x.png", content, b"picture", "image/png", 0)
            for content in (OLD, NEW, OTHER, STRANGE)
        ]
        store.keep(pictures, NOW)
        yield store


def test_every_content_that_an_image_had_is_forgotten_everywhere(
    ledger: Ledger, store: PictureStore
) -> None:
    told: list[str] = []
    assert forget_image(ledger, store, "G1/1.png", [told.append]) == [OLD, NEW]
    assert told == [OLD, NEW]
    assert [store.has(one) for one in (OLD, NEW, OTHER)] == [False, False, True]


@pytest.mark.parametrize(
    ("image", "contents"),
    [
        ("G1/2.png", [OTHER]),
        ("shop/G2/deep/1.png", [OLD]),
        (f"shop/G2/{NAME}", [STRANGE]),
        (f"shop/G2/{printable(NAME)}", [STRANGE]),
        (OTHER, [OTHER]),
        ("9" * 64, ["9" * 64]),
        ("G1/3.png", []),
        ("shop/G2/unreadable.png", []),
        ("2.png", []),
        ("", []),
        ("G1/\udcff", []),
        ("G1/' OR 1 = 1 --", []),
    ],
)
def test_an_image_is_named_as_results_have_it_or_by_its_content(
    ledger: Ledger, image: str, contents: list[str]
) -> None:
    assert contents_of(ledger, image) == contents


def test_an_image_that_nobody_knows_is_told(ledger: Ledger, store: PictureStore) -> None:
    with pytest.raises(UsageError, match="BATCH/IMAGE"):
        forget_image(ledger, store, "G1/no such")


def test_where_a_copy_may_be_left_the_picture_can_be_forgotten_once_more(
    ledger: Ledger, store: PictureStore
) -> None:
    def fail(_: str) -> None:
        raise OSError("the report is held open")

    with pytest.raises(OSError, match="held open"):
        forget_image(ledger, store, "G1/2.png", [fail])
    assert store.has(OTHER)
    assert forget_image(ledger, store, "G1/2.png") == [OTHER]
    assert not store.has(OTHER)
