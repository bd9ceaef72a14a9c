"""A batch within a run: a chunk is committed while the next is with a real server."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from client.api import ScoringClient
from client.batch_job import BatchJob
from client.batch_scoring import RunRequest
from client.run_context import Interrupted, RunContext, ScoringFailed
from client.stop_signal import StopSignal
from scoring.batches.image_folder import Batch, list_images
from scoring.batches.image_reader import ImageRow
from scoring.protocol.errors import LedgerError
from scoring.records.events_log import EventsLog
from scoring.records.ledger import Ledger, Model
from scoring.records.rows import Run
from scoring.records.run_life import RunLife
from scoring.settings import Settings, load_settings
from tests.client.lying_server import Answer, answering, is_predict, relay
from tests.conftest import garment_pixels, write_batch

COUNT, CHUNK = 12, 4
REFUSED: Answer = (400, b'{"error": {"message": "no"}}', {})
BUSY: Answer = (503, b'{"error": {"message": "busy"}}', {})


@dataclass
class Scene:
    """A run that has begun, over a batch of twelve images."""

    context: RunContext
    run: Run
    batch: Batch

    def job(self) -> BatchJob:
        job = BatchJob(
            self.context,
            self.run,
            0,
            self.batch,
            list_images(self.batch.folder, self.context.settings.batches),
        )
        job.touch()
        return job

    def chunk(self, number: int) -> list[ImageRow]:
        pixels = garment_pixels(COUNT)
        nums = range(1 + number * CHUNK, 1 + (number + 1) * CHUNK)
        return [ImageRow(n, f"img_{n}.png", f"{n:064}", pixels[n - 1]) for n in nums]

    def score(self, chunks: int, then: Callable[[], object] = lambda: None) -> None:
        """Score the first ``chunks`` chunks, and let ``then`` happen before the batch ends."""
        with self.job() as job:
            for number in range(chunks):
                job.score_chunk(self.chunk(number))
            then()
            job.finish()

    def stop(self) -> None:
        """Ask for a stop, and notice it."""
        self.context.stop.request()
        self.context.raise_if_stopped()

    def scored(self) -> int:
        """Return how many images have a row that is committed."""
        rows = self.context.ledger.result_rows(self.run.id)
        return sum(row.label is not None for row in rows)

    def events(self) -> str:
        path = self.context.events.path
        return path.read_text(encoding="utf-8") if path.exists() else ""


@pytest.fixture
def begun(
    settings: Settings, server_url: str, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Any]:
    """Return ``begun(spoil)``: a scene whose server's nth predict answer ``spoil`` may replace."""
    monkeypatch.setenv("SCORING_CLIENT__RETRY_SECONDS", "60")

    @contextmanager
    def begin(spoil: Callable[[int], Answer | None] = lambda _: None) -> Iterator[Scene]:
        def relayed(path: str, _: bytes, number: int) -> Answer | None:
            return spoil(number) if is_predict(path) else None

        batch = Batch("G1", settings.batches_folder / "G1")
        write_batch(batch.folder, COUNT)
        with answering(relay(server_url, relayed)) as url, Ledger.from_settings(settings) as ledger:
            client = ScoringClient(url, connect_seconds=2, read_seconds=5)
            signature = client.signature()
            context = RunContext(
                load_settings(), client, signature, ledger, EventsLog.from_settings(settings),
                StopSignal(), lambda: datetime.now(UTC),
            )  # fmt: skip
            model = Model(signature.name, signature.version)
            life = RunLife(context.settings, ledger, context.events)
            run, _ = life.begin(RunRequest((batch,), "all").plan, model)
            yield Scene(context, run, batch)
            client.close()

    return begin


def test_a_chunk_is_committed_while_the_next_is_with_the_server(begun: Callable[..., Any]) -> None:
    seen: list[int] = []

    def slow_second(number: int) -> None:
        if number == 2:
            time.sleep(1.0)
            seen.append(reader.count_images(scene.run.id)[0])

    with begun(slow_second) as scene, scene.context.ledger.open_reader() as reader:
        scene.score(chunks=3)
        assert scene.scored() == COUNT
    assert seen[0] >= CHUNK


def test_a_stop_commits_the_chunk_under_way_and_no_other(begun: Callable[..., Any]) -> None:
    posts: list[int] = []
    with begun(posts.append) as scene:
        with pytest.raises(Interrupted):
            scene.score(chunks=2, then=scene.stop)
        assert scene.scored() == 2 * CHUNK
    assert posts == [1, 2]


def test_after_a_ledger_error_nobody_waits_for_more_tries(
    begun: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    commits: list[str] = []

    def locked(run_id: str, *_: object) -> None:
        commits.append(run_id)
        raise LedgerError("the ledger is locked")

    with begun(lambda number: BUSY if number > 1 else None) as scene:
        monkeypatch.setattr(scene.context.ledger, "commit_chunk", locked)
        started = time.monotonic()
        with pytest.raises(LedgerError):
            scene.score(chunks=2)
        assert time.monotonic() - started < 20
    assert len(commits) == 1


def test_a_chunk_that_fails_costs_not_the_one_before(begun: Callable[..., Any]) -> None:
    posts: list[int] = []

    def second_refused(number: int) -> Answer | None:
        posts.append(number)
        return REFUSED if number == 2 else None

    with begun(second_refused) as scene:
        with pytest.raises(ScoringFailed):
            scene.score(chunks=3)
        assert scene.scored() == CHUNK
    assert posts == [1, 2], "the third is not posted in vain"


@pytest.mark.parametrize(("refused", "committed"), [(0, CHUNK), (1, 0)])
def test_a_folder_that_breaks_off_costs_no_answer(
    begun: Callable[..., Any], refused: int, committed: int
) -> None:
    def vanish() -> None:
        raise FileNotFoundError("the share is gone")

    with begun(lambda number: REFUSED if number == refused else None) as scene:
        with pytest.raises(FileNotFoundError):
            scene.score(chunks=1, then=vanish)
        assert scene.scored() == committed
        assert (", chunk-failed, " in scene.events()) == bool(refused)


def test_the_server_learns_no_name(begun: Callable[..., Any]) -> None:
    with begun() as scene:
        foreign = replace(scene, batch=replace(scene.batch, name="Łódź 夏 €"))
        foreign.score(chunks=1)
        assert scene.scored() == CHUNK
