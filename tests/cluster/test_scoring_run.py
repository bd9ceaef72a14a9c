"""A run, with this process in the place of the nodes: what it writes, and how it goes on."""

from __future__ import annotations

import errno
import json
import os
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from time import sleep

import pytest

from client.request import main as request
from cluster.errors import ClusterFailed, OtherRun
from cluster.owner import OWNER_FILE
from cluster.plan import Partition
from cluster.scorer import Finished, Job, PartitionScorer
from cluster.scoring_run import Outcome, Request, ScoringRun
from scoring.protocol.errors import BatchUnreadable, Busy, ScoringError
from scoring.records.regular_file import open_regular
from scoring.settings import Settings, load_settings

pytestmark = pytest.mark.usefixtures("arrow")


class Here:
    """Scores in this process, and breaks off after so many partitions."""

    def __init__(self, most: int = 1_000) -> None:
        self.scored: list[int] = []
        self._most = most

    def __call__(self, partitions: Sequence[Partition], job: Job) -> Iterator[Finished]:
        scorer = PartitionScorer(job)
        # Backwards: nodes finish in any order.
        for partition in reversed(partitions):
            if len(self.scored) == self._most:
                raise ClusterFailed("the power is gone")
            self.scored.append(partition.index)
            yield scorer.score(partition)


@pytest.fixture
def asked(tmp_path: Path) -> Request:
    return Request("mixed", str(tmp_path / "out"), tmp_path / "Results.csv", rows=8)


def run(asked: Request, settings: Settings, engine: Here | None = None) -> Outcome:
    return ScoringRun(asked, settings, engine or Here(), lambda _: None).run()


def names(asked: Request) -> list[str]:
    return sorted(path.name for path in Path(asked.out).iterdir())


@pytest.mark.usefixtures("server_url")
@pytest.mark.parametrize("separator", [",", ";"])
def test_results_are_those_of_one_machine_to_the_byte(
    asked: Request, mixed: Path, monkeypatch: pytest.MonkeyPatch, separator: str
) -> None:
    monkeypatch.setenv("SCORING_RESULTS__SEPARATOR", separator)
    settings = load_settings()
    outcome = run(asked, settings)
    assert request(["mixed"]) == 0
    assert asked.results
    assert asked.results.read_bytes() == settings.results_file.read_bytes()
    assert (outcome.counts.images, outcome.counts.failed, outcome.partitions) == (37, 3, 5)


@pytest.mark.usefixtures("server_url")
def test_a_partition_has_the_bits_that_the_ledger_has(
    asked: Request, mixed: Path, settings: Settings
) -> None:
    import pyarrow.parquet as pq

    run(asked, settings)
    assert request(["mixed"]) == 0
    columns = "num, batch, path, sha256, label, confidence, review, error, second,"
    columns += " second_confidence, outlier_score, brightness, contrast, foreground, version"
    parts = [pq.read_table(Path(asked.out) / name) for name in names(asked) if name[0] == "p"]
    ours = [
        tuple(row[name.strip()] for name in columns.split(","))
        for part in parts
        for row in part.to_pylist()
    ]
    with closing(sqlite3.connect(settings.ledger_file)) as ledger:
        theirs = ledger.execute(
            "SELECT i.num, p.batch, p.path, content_hash, label, confidence, review, error,"
            " second_label, second_confidence, outlier_score, brightness, contrast, foreground,"
            " model_version FROM run_images i JOIN predictions p ON p.id = i.prediction_id"
            " ORDER BY i.num"
        ).fetchall()
    assert ours == theirs


def test_a_run_that_broke_off_goes_on(asked: Request, mixed: Path, settings: Settings) -> None:
    with pytest.raises(ClusterFailed, match="power"):
        run(asked, settings, Here(most=2))
    there = names(asked)
    engine = Here()
    outcome = run(replace(asked, rows=None), settings, engine)
    assert engine.scored == [2, 1, 0]
    assert outcome.kept == 2
    assert set(there) <= set(names(asked))
    assert asked.results
    broken_off = asked.results.read_bytes()
    run(replace(asked, fresh=True), settings)
    assert asked.results.read_bytes() == broken_off
    assert (outcome.counts.images, outcome.counts.failed) == (37, 3)


def test_a_second_run_to_the_same_place_is_refused(
    asked: Request, mixed: Path, settings: Settings
) -> None:
    class Twice(Here):
        def __call__(self, partitions: Sequence[Partition], job: Job) -> Iterator[Finished]:
            with pytest.raises(Busy, match="to the same --out is in progress: python -m cluster"):
                run(asked, settings)
            elsewhere = replace(asked, out=asked.out + "2", results=None)
            assert run(elsewhere, settings).counts.images == 37
            return super().__call__(partitions, job)

    assert run(asked, settings, Twice()).counts.images == 37
    assert run(asked, settings).kept == 5


def test_a_run_from_another_project_folder_waits_and_is_refused(
    asked: Request,
    mixed: Path,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("cluster.owner.BEAT_SECONDS", 0.01)
    monkeypatch.setattr("cluster.owner.LOOK_SECONDS", 0.01)
    (tmp_path / "elsewhere").mkdir()
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("SCORING_PROJECT", str(tmp_path / "elsewhere"))
        other = load_settings()

    class Meanwhile(Here):
        def __call__(self, partitions: Sequence[Partition], job: Job) -> Iterator[Finished]:
            with pytest.raises(Busy, match="another run to the same --out is in progress"):
                run(replace(asked, folder=str(mixed), fresh=True), other)
            return super().__call__(partitions, job)

    assert run(asked, settings, Meanwhile()).counts.images == 37


def test_a_run_that_was_taken_over_ends(
    asked: Request, mixed: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No partition of the other's is taken for its own, and none is removed."""
    monkeypatch.setattr("cluster.owner.BEAT_SECONDS", 0.01)

    class Overtaken(Here):
        def __call__(self, partitions: Sequence[Partition], job: Job) -> Iterator[Finished]:
            note = Path(asked.out) / OWNER_FILE
            other = json.dumps({**json.loads(note.read_bytes()), "run": "another"})
            for finished in super().__call__(partitions, job):
                for _ in range(100):
                    note.write_text(other)
                    sleep(0.005)
                yield finished

    engine = Overtaken()
    with pytest.raises(Busy, match="another run took --out over"):
        run(asked, settings, engine)
    assert len(engine.scored) < 5


def test_a_run_that_is_done_scores_nothing(asked: Request, mixed: Path, settings: Settings) -> None:
    first = run(asked, settings)
    engine = Here()
    again = run(asked, settings, engine)
    assert engine.scored == []
    assert again == replace(first, kept=5)


def test_what_changed_is_scored_again_and_what_is_gone_goes(
    asked: Request, mixed: Path, settings: Settings
) -> None:
    run(asked, settings)
    shutil.copy(mixed / "img_30.png", mixed / "img_33.png")
    (mixed / "img_32.png").unlink()
    engine = Here()
    outcome = run(asked, settings, engine)
    assert engine.scored == [4]
    assert outcome.counts.images == 36
    assert len(names(asked)) == 1 + 5
    assert asked.results
    assert "img_32.png" not in asked.results.read_text(encoding="utf-8-sig")


def test_a_file_that_could_not_be_read_is_tried_again(
    asked: Request, mixed: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its rights, or its drive, may have been mended: nothing shows that of the file."""

    def refuse(file: str) -> tuple[int, os.stat_result]:
        if file.endswith("img_30.png"):
            raise PermissionError(errno.EACCES, "Permission denied", file)
        return open_regular(file)

    with monkeypatch.context() as locked:
        locked.setattr("scoring.batches.image_reader.open_regular", refuse)
        assert run(asked, settings).counts.failed == 4
        again = run(asked, settings)
        assert (again.counts.failed, again.kept) == (4, 4)
    outcome = run(asked, settings)
    assert (outcome.counts.images, outcome.counts.failed, outcome.kept) == (37, 3, 4)
    assert run(asked, settings).kept == 5


def test_another_limit_or_folder_does_not_go_on(
    asked: Request, mixed: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(asked, settings)
    monkeypatch.setenv("SCORING_CLIENT__MAX_IMAGE_PIXELS", "700")
    with pytest.raises(OtherRun, match=r"max_image_pixels 100000000, not 700"):
        run(asked, load_settings())
    mixed.rename(mixed.with_name("other"))
    with pytest.raises(OtherRun, match=r"batch mixed, not other"):
        run(replace(asked, folder="other"), settings)


@pytest.mark.parametrize("keep", [0, 100, -1])
def test_a_damaged_partition_is_named(
    asked: Request, mixed: Path, settings: Settings, keep: int
) -> None:
    run(asked, settings)
    path = Path(asked.out) / names(asked)[-1]
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ClusterFailed, match=rf"{path.name} in --out is damaged: remove it"):
        run(asked, settings)
    path.unlink()
    assert run(asked, settings).kept == 4


def test_a_node_with_other_files_says_so(asked: Request, mixed: Path, settings: Settings) -> None:
    kept: list[Job] = []

    def engine(partitions: Sequence[Partition], job: Job) -> Iterator[Finished]:
        kept.append(job)
        yield from Here()(partitions, job)

    ScoringRun(asked, settings, engine, lambda _: None).run()
    with pytest.raises(ScoringError, match="bring the same files to every node"):
        PartitionScorer(replace(kept[0], version="0" * 64))
    with pytest.raises(BatchUnreadable, match="mount it at the same path"):
        PartitionScorer(replace(kept[0], source=str(mixed / "nowhere")))


def test_partitions_that_land_elsewhere_are_missed(
    asked: Request, mixed: Path, settings: Settings, tmp_path: Path
) -> None:
    def engine(partitions: Sequence[Partition], job: Job) -> Iterator[Finished]:
        yield from Here()(partitions, replace(job, out=str(tmp_path / "another")))

    with pytest.raises(ClusterFailed, match="5 partitions were scored and are not in"):
        ScoringRun(asked, settings, engine, lambda _: None).run()


def test_images_of_a_partition_that_ended_its_node_twice_are_decoded_alone(
    asked: Request, mixed: Path, settings: Settings
) -> None:
    from cluster.storage import storage_at
    from cluster.tries import Tries

    def engine(partitions: Sequence[Partition], job: Job) -> Iterator[Finished]:
        for _ in range(2):
            Tries(storage_at(job.out)).begin(partitions[-1].file)
        yield from Here()(partitions, job)

    run(replace(asked, out=asked.out + "-plain"), settings)
    assert asked.results
    plain = asked.results.read_bytes()
    ScoringRun(asked, settings, engine, lambda _: None).run()
    assert asked.results.read_bytes() == plain
