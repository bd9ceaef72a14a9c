"""What a run scored, as arrays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from msgspec.structs import replace

from scoring.records.ledger import ChunkCost, Ledger, Model, ScoredImage
from scoring.records.night_rows import NUMBERS, scored_rows
from tests.scoring.records.scored import NIGHT, NOW

LABELS = ("Bag", "Coat")


def test_the_images_of_one_model_that_a_run_scored(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.db", 1) as ledger:
        ledger.start_run(NIGHT)
        ledger.start_run(replace(NIGHT, id="n0", due_date=None, kind="manual"))
        paths = [f"{n}.png" for n in range(1, 6)]
        for batch, version in (("G1", "v1"), ("G2", "v1"), ("D1", "v2")):
            ledger.touch_batch("n1", batch, 0, paths, Model("fashion", version))
        one = ScoredImage(
            1, "1.png", "d1", "Coat", 0.9, "low", None, "Bag", 0.05, 3.5, 0.1, 0.2, 0.3
        )
        others = [
            ScoredImage(2, "2.png", "d2", "Hat", 0.5),
            ScoredImage(3, "3.png", "", error="unreadable"),
        ]
        ledger.commit_chunk("n1", "G2", "v1", [one, *others], ChunkCost(), NOW)
        ledger.commit_chunk("n1", "G1", "v1", [one._replace(label="Bag")], ChunkCost(), NOW)
        ledger.commit_chunk("n1", "D1", "v2", [one], ChunkCost(), NOW)
        ledger.commit_chunk("n0", "G3", "v1", [one], ChunkCost(), NOW)
        rows = scored_rows(ledger.database, "n1", "v1", LABELS)
        none = scored_rows(ledger.database, "n1", "v3", LABELS)
    assert rows.batches == ("G1", "G2")
    assert rows.batch.tolist() == [1, 1, 0]
    assert rows.label.tolist() == [1, -1, 0]
    assert rows.second.tolist() == [0, -1, 0]
    assert rows.flagged.tolist() == [True, False, True]
    assert [rows.numbers[name][0] for name in NUMBERS] == [0.9, 0.05, 3.5, 0.1, 0.2, 0.3]
    assert np.isnan(rows.numbers["outlier_score"][1])
    assert len(none) == 0
    assert none.numbers["confidence"].shape == (0,)
