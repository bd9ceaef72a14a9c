"""A batch within a run: a chunk is committed while the next is with a real server."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from msgspec import structs

from client.api import ScoringClient
from client.batch_job import BatchJob
from client.chunk_poster import ScoringFailed
from client.run_context import RunContext, Task
from client.run_models import RunModels
from client.run_request import RunRequest
from client.stop_signal import Interrupted, StopSignal
from scoring.batches.image_folder import Batch, list_images
from scoring.batches.image_reader import ImageRow
from scoring.preprocessing.image_statistics import image_statistics
from scoring.protocol.errors import LedgerError
from scoring.records.events_log import EventsLog
from scoring.records.ledger import Ledger, Model
from scoring.records.rows import Run
from scoring.records.run_life import RunLife
from scoring.settings import Settings, load_settings
from tests.client.lying_server import Answer, answering, is_predict, relay
from tests.conftest import garment_pixels, write_batch
from tests.deadlines import DEADLINE

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
        return BatchJob(
            self.context,
            self.run,
            Task(0, self.batch, self.context.models.main),
            list_images(self.batch.folder, self.context.settings.batches),
            is_shown=True,
        )

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
        self.context.stop.raise_if_requested()

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
    """Return ``begun(spoil, in_flight)``: a run whose server's answers ``spoil`` may replace.

    ``spoil`` is told the number of the chunk, from 1, that an answer is for.
    """
    monkeypatch.setenv("SCORING_CLIENT__RETRY_SECONDS", "3600")

    @contextmanager
    def begin(
        spoil: Callable[[int], Answer | None] = lambda _: None, in_flight: int = 1
    ) -> Iterator[Scene]:
        monkeypatch.setenv("SCORING_CLIENT__CHUNKS_IN_FLIGHT", str(in_flight))

        def relayed(path: str, answer: bytes, _: int) -> Answer | None:
            if not is_predict(path):
                return None
            first = orjson.loads(answer)["predictions"][0]["id"]
            return spoil(1 + (first - 1) // CHUNK)

        batch = Batch("G1", settings.batches_folder / "G1")
        write_batch(batch.folder, COUNT)
        with answering(relay(server_url, relayed)) as url, Ledger.from_settings(settings) as ledger:
            client = ScoringClient(url)
            signature = client.signature()
            context = RunContext(
                load_settings(), client, RunModels({"": signature}, {}), ledger,
                EventsLog.from_settings(settings), StopSignal(), lambda: datetime.now(UTC),
            )  # fmt: skip
            plan = RunRequest((batch,), "all").plan
            run, _ = RunLife(settings, ledger, context.events, context.now).begin(
                plan, Model(signature.name, signature.version)
            )
            yield Scene(context, run, batch)
            client.close()

    return begin


every_way = pytest.mark.parametrize("in_flight", [1, 2, 3])


@every_way
def test_a_chunk_is_committed_while_the_next_is_with_the_server(
    begun: Callable[..., Any], in_flight: int
) -> None:
    committed: list[int] = []

    def held_until_the_first_is_committed(chunk: int) -> None:
        deadline = time.monotonic() + DEADLINE
        while chunk == 2 and not committed and time.monotonic() < deadline:
            shown, waiting = reader.count_images(scene.run.id)
            committed.extend([shown - waiting] * (shown > waiting))
            time.sleep(0.01)

    with (
        begun(held_until_the_first_is_committed, in_flight) as scene,
        scene.context.ledger.open_reader() as reader,
    ):
        scene.score(chunks=3)
        assert scene.scored() == COUNT
    assert committed == [CHUNK]


@pytest.mark.parametrize("in_flight", [2, 3])
def test_so_many_chunks_are_with_the_server_at_the_same_time(
    begun: Callable[..., Any], in_flight: int
) -> None:
    together = threading.Barrier(in_flight, timeout=DEADLINE)

    def meet(chunk: int) -> None:
        if chunk <= in_flight:
            together.wait()

    with begun(meet, in_flight) as scene:
        scene.score(chunks=3)
        assert scene.scored() == COUNT


@every_way
def test_a_stop_commits_the_chunks_under_way_and_no_other(
    begun: Callable[..., Any], in_flight: int
) -> None:
    posts: list[int] = []
    with begun(posts.append, in_flight) as scene:
        with pytest.raises(Interrupted):
            scene.score(chunks=2, then=scene.stop)
        assert scene.scored() == 2 * CHUNK
    assert sorted(posts) == [1, 2]


@every_way
def test_after_a_ledger_error_nobody_waits_for_more_tries(
    begun: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, in_flight: int
) -> None:
    commits: list[str] = []

    def locked(run_id: str, *_: object) -> None:
        commits.append(run_id)
        raise LedgerError("the ledger is locked")

    with begun(lambda chunk: BUSY if chunk > 1 else None, in_flight) as scene:
        monkeypatch.setattr(scene.context.ledger, "commit_chunk", locked)
        started = time.monotonic()
        with pytest.raises(LedgerError):
            scene.score(chunks=2)
        # Each of the tries would wait for an hour before the next one.
        assert time.monotonic() - started < DEADLINE
    assert len(commits) == 1


@every_way
def test_a_chunk_that_fails_costs_not_the_one_before(
    begun: Callable[..., Any], in_flight: int
) -> None:
    posts: list[int] = []

    def second_refused(chunk: int) -> Answer | None:
        posts.append(chunk)
        return REFUSED if chunk == 2 else None

    with begun(second_refused, in_flight) as scene:
        with pytest.raises(ScoringFailed):
            scene.score(chunks=3)
        # What was under way already beside it is not lost either.
        assert scene.scored() == CHUNK * (len(posts) - 1)
    assert {1, 2} <= set(posts)
    if in_flight == 1:
        assert posts == [1, 2], "the third is not posted in vain"


def test_an_answer_behind_one_that_failed_is_committed_and_no_more_are_posted(
    begun: Callable[..., Any],
) -> None:
    posts: list[int] = []

    def first_refused(chunk: int) -> Answer | None:
        posts.append(chunk)
        return REFUSED if chunk == 1 else None

    with begun(first_refused, in_flight=2) as scene:
        with pytest.raises(ScoringFailed):
            scene.score(chunks=3)
        assert scene.scored() == CHUNK * (len(posts) - 1)
    assert 3 not in posts


@every_way
@pytest.mark.parametrize(("refused", "committed"), [(0, CHUNK), (1, 0)])
def test_a_folder_that_breaks_off_costs_no_answer(
    begun: Callable[..., Any], refused: int, committed: int, in_flight: int
) -> None:
    def vanish() -> None:
        raise FileNotFoundError("the share is gone")

    with begun(lambda chunk: REFUSED if chunk == refused else None, in_flight) as scene:
        with pytest.raises(FileNotFoundError):
            scene.score(chunks=1, then=vanish)
        assert scene.scored() == committed
        assert (", chunk-failed, " in scene.events()) == bool(refused)


def test_the_ledger_keeps_what_monitoring_asks_for(
    begun: Callable[..., Any], settings: Settings
) -> None:
    with begun() as scene:
        scene.score(chunks=3)
        version = scene.context.models.main.version
    with closing(sqlite3.connect(settings.ledger_file)) as ledger:
        rows = ledger.execute(
            "SELECT second_label, second_confidence, outlier_score, brightness, contrast,"
            " foreground FROM predictions p JOIN run_images i ON i.prediction_id = p.id"
            " ORDER BY i.num"
        ).fetchall()
        models = ledger.execute("SELECT model_name, model_version FROM run_batches").fetchall()
    assert models == [("fashion", version)]
    figures = image_statistics(garment_pixels(COUNT))
    for row, *expected in zip(rows, *figures, strict=True):
        label, confidence, outlier, *seen = row
        assert label
        assert 0 <= confidence <= 0.5
        assert isinstance(outlier, float)
        assert seen == pytest.approx(expected)


def test_the_server_learns_no_name(begun: Callable[..., Any]) -> None:
    with begun() as scene:
        foreign = replace(scene, batch=structs.replace(scene.batch, name="Łódź 夏 €"))
        foreign.score(chunks=1)
        assert scene.scored() == CHUNK
