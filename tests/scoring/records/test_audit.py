"""What each run draws for a person to judge: deterministic, evenly, and before it has ended."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from scoring.records.audit import AuditItem, draw, rank, sample_of
from scoring.records.ledger import ChunkCost, Ledger, Model, Run, ScoredImage
from tests.scoring.records.scored import NIGHT, NOW

RUN = replace(NIGHT, id="2026-11-21T18-05-00")


def image(num: int, kind: str = "sure") -> ScoredImage:
    path, content_hash = f"{num}.png", f"{num:064}"
    if kind == "failed":
        return ScoredImage(num, path, content_hash, error="cut off")
    review = "low confidence" if kind == "flagged" else None
    return ScoredImage(num, path, content_hash, "Bag", 0.9, review)


def score(
    ledger: Ledger, run: Run, images: Sequence[ScoredImage], batch: str = "G1", chunk: int = 7
) -> None:
    """Have a run score a batch, chunk by chunk."""
    if ledger.run(run.id) is None:
        ledger.start_run(run)
    if not ledger.is_touched(run.id, batch):
        paths = [one.path for one in images]
        ledger.touch_batch(run.id, batch, 0, paths, Model("fashion", "v1"))
    for start in range(0, len(images), chunk):
        part = images[start : start + chunk]
        ledger.commit_chunk(run.id, batch, "v1", part, ChunkCost(), NOW)


def finish(ledger: Ledger, run: Run = RUN, size: int = 60) -> list[AuditItem]:
    ledger.finish_run(run.id, "done", "", NOW, size)
    return sample_of(ledger.database, run.id)


kinds = st.lists(st.sampled_from(["sure", "flagged", "failed"]), max_size=40)


@settings(max_examples=25)
@given(kinds=kinds, size=st.integers(0, 12), chunk=st.integers(1, 9), seed=st.randoms())
def test_a_sample_is_of_the_rows_not_flagged_and_says_how_likely_they_were(
    kinds: list[str], size: int, chunk: int, seed: object
) -> None:
    images = [image(num, kind) for num, kind in enumerate(kinds, start=1)]
    shuffled = list(images)
    seed.shuffle(shuffled)  # type: ignore[attr-defined]
    samples = []
    for order, part in ((images, 7), (shuffled, chunk)):
        with tempfile.TemporaryDirectory() as folder, Ledger(Path(folder) / "l.db", 1) as ledger:
            score(ledger, RUN, order, chunk=part)
            samples.append(finish(ledger, size=size))
    eligible = {f"{num}.png" for num, kind in enumerate(kinds, start=1) if kind == "sure"}
    one, other = samples
    assert one == other
    assert {item.path for item in one} <= eligible
    assert len({item.path for item in one}) == len(one) == min(size, len(eligible))
    assert {item.inclusion for item in one} <= {len(one) / max(1, len(eligible))}
    assert all(item.model_version == "v1" and item.content_hash for item in one)


def test_every_image_is_drawn_as_often_as_any_other() -> None:
    """1,000 nights over the same 20 images, 5 of them each: 250 times each, give or take."""
    names = [f"{num}.png" for num in range(20)]
    drawn = Counter[str]()
    for night in range(1000):
        drawn.update(sorted(names, key=lambda name: rank(f"night {night}", "G1", name))[:5])
    assert sum(drawn.values()) == 5000
    assert all(200 < drawn[name] < 300 for name in names)  # 3.6 deviations


def test_an_interrupted_run_draws_what_it_would_have_drawn(ledger: Ledger, tmp_path: Path) -> None:
    images = [image(num) for num in range(1, 101)]
    score(ledger, RUN, images)
    whole = finish(ledger, size=10)
    with Ledger(tmp_path / "other.db", 1) as other:
        score(other, RUN, images[:30])
        other.take_over_run(RUN.id, "fashion", "v1")
        score(other, RUN, images[30:])
        assert finish(other, size=10) == whole
    assert {item.inclusion for item in whole} == {0.1}


def test_it_is_there_the_moment_the_run_has_ended_and_stays_as_it_is(ledger: Ledger) -> None:
    score(ledger, RUN, [image(num) for num in range(1, 31)])
    assert sample_of(ledger.database, RUN.id) == []
    first = finish(ledger, size=5)
    assert len(first) == 5
    ledger.finish_run(RUN.id, "failed", "once more", NOW, 30)
    assert sample_of(ledger.database, RUN.id) == first


def test_only_what_a_run_scored_itself_is_drawn(ledger: Ledger) -> None:
    score(ledger, RUN, [image(num) for num in range(1, 31)])
    finish(ledger, size=5)
    idle = replace(RUN, id="2026-11-22T18-05-00", due_date=date(2026, 11, 22))
    ledger.start_run(idle)
    assert finish(ledger, idle) == []
    busy = replace(RUN, id="2026-11-23T18-05-00", due_date=date(2026, 11, 23))
    score(ledger, busy, [image(31)])
    assert [item.path for item in finish(ledger, busy)] == ["31.png"]


def test_all_batches_and_models_of_a_run_are_drawn_from_as_one(ledger: Ledger) -> None:
    score(ledger, RUN, [image(num) for num in range(1, 301)])
    ledger.touch_batch(RUN.id, "P1", 1, [f"{n}.png" for n in range(1, 101)], Model("shop", "v2"))
    photos = [image(num) for num in range(1, 101)]
    ledger.commit_chunk(RUN.id, "P1", "v2", photos, ChunkCost(), NOW)
    sample = finish(ledger, size=100)
    batches = Counter((item.batch, item.model_version) for item in sample)
    assert {item.inclusion for item in sample} == {0.25}
    assert 60 <= batches["G1", "v1"] <= 90
    assert 10 <= batches["P1", "v2"] <= 40


def test_a_setting_of_zero_draws_none(ledger: Ledger) -> None:
    score(ledger, RUN, [image(num) for num in range(1, 31)])
    assert draw(ledger.database, RUN.id, 0) == []
    assert finish(ledger, size=0) == []


def test_a_sample_goes_with_its_run(ledger: Ledger) -> None:
    score(ledger, RUN, [image(1)])
    assert finish(ledger)
    with ledger.database.transaction() as connection:
        connection.execute("DELETE FROM runs WHERE id = ?", (RUN.id,))
    assert sample_of(ledger.database, RUN.id) == []


def test_names_of_any_script_and_size_have_a_rank() -> None:
    assert len(rank("r", "衣服/ü", "'; DROP TABLE runs; --" * 100)) == 8
    assert rank("r", "a", "b") != rank("r", "a\0b", "")
    assert rank("r", "G1", "1.png") != rank("s", "G1", "1.png")
