"""Which images of a run a picture is kept of."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from scoring.records.ledger import ChunkCost, Ledger, Model, Run, ScoredImage
from scoring.records.wanted_pictures import wanted_pictures

NOW = datetime(2026, 11, 21, 18, 5, tzinfo=UTC)


def run_of(id_: str) -> Run:
    return Run(id_, "manual", None, "all", ("G1",), "running", "", "fashion", "v1", NOW, None)


def digest(num: int) -> str:
    return f"{num:064}"


def test_flagged_failed_audited_and_least_certain_ones_and_no_others(tmp_path: Path) -> None:
    images = [
        ScoredImage(1, "1.png", digest(1), "Bag", 0.99),
        ScoredImage(2, "2.png", digest(2), "Bag", 0.6, "low confidence"),
        ScoredImage(3, "3.png", digest(3), error="the file is cut off"),
        ScoredImage(4, "4.png", "", error="cannot be read: no rights"),
        ScoredImage(5, "5.png", "900 bytes over 800, of 12", error="900 bytes; too many"),
        ScoredImage(6, "6.png", digest(6), error="decoding it takes more than 60 s: save it again"),
        ScoredImage(7, "7.png", digest(7), "Bag", 0.95),
        *(ScoredImage(num, f"{num}.png", digest(num), "Bag", 0.98) for num in range(8, 108)),
    ]
    with Ledger(tmp_path / "ledger.db", 1) as ledger:
        ledger.start_run(run_of("r1"))
        ledger.touch_batch("r1", "G1", 0, [one.path for one in images], Model("fashion", "v1"))
        ledger.commit_chunk("r1", "G1", "v1", images, ChunkCost(), NOW)
        ledger.finish_run("r1", "done", "", NOW, audit_size=10)
        wanted = wanted_pictures(ledger.database, "r1", 2)
        audited = {path for (path,) in ledger.database.query("SELECT path FROM audit_sample")}
        assert len(audited) == 10
        assert {one.path for one in wanted} == {"2.png", "3.png", "7.png"} | audited
        assert {one.path: one.model_version for one in wanted}["3.png"] == ""
        assert {one.path: one.model_version for one in wanted}["2.png"] == "v1"
        sure = [one.path for one in wanted if one.model_version]
        assert sure[0] == "2.png"
        assert wanted_pictures(ledger.database, "r2", 2) == []
