"""A ledger with pictures that a run has scored, for tests of what people say of them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

from scoring.records.labels import PictureKey
from scoring.records.ledger import ChunkCost, Ledger, Run, ScoredImage

NOW = datetime(2026, 11, 21, 18, 5, tzinfo=UTC)
NIGHT = Run(
    "n1", "nightly", date(2026, 11, 21), "new", ("G1",), "running", "", "fashion", "v1", NOW, None
)
LABELS = ("Bag", "Coat", "Shirt", "Ankle boot", "7")


def scored_ledger(path: Path, pictures: int = 4, batch: str = "G1") -> Ledger:
    """Return a ledger in which one run has found ``1.png`` … to be bags; the last one failed."""
    ledger = Ledger(path, 30.0)
    ledger.keep_model_facts("v1", "fashion", {"labels": list(LABELS)})
    add_run(ledger, "r1", {batch: pictures})
    return ledger


def add_run(
    ledger: Ledger, run_id: str, batches: dict[str, int], version: str = "v1", content: str = "a"
) -> Run:
    """Let a run score that many pictures of each batch; ``content`` begins their hashes."""
    run = Run(run_id, "manual", None, "all", tuple(batches), "running", "", "fashion", version,
              NOW, None)  # fmt: skip
    ledger.start_run(run)
    for position, (batch, pictures) in enumerate(batches.items()):
        paths = [f"{num}.png" for num in range(1, pictures + 1)]
        ledger.touch_batch(run_id, batch, position, paths)
        images = [scored(num, pictures, content) for num in range(1, pictures + 1)]
        ledger.commit_chunk(run_id, batch, version, images, ChunkCost(), NOW)
    ledger.finish_run(run_id, "done", "", NOW)
    return run


def scored(num: int, pictures: int, content: str) -> ScoredImage:
    hash_ = f"{content}{num}"
    if num == pictures and pictures > 1:
        return ScoredImage(num, f"{num}.png", hash_, error="too small")
    return ScoredImage(num, f"{num}.png", hash_, "Bag", 0.5 + num / 1e6, "low confidence")


def picture(num: int, batch: str = "G1", content: str = "a") -> PictureKey:
    return PictureKey(batch, f"{num}.png", f"{content}{num}")
