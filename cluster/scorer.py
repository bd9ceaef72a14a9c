"""A partition → its file: what every node does, on Ray or without it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cluster.parts import Counts, counts_of, encode
from cluster.plan import Partition
from cluster.sources import UrlReader
from cluster.storage import is_url, storage_at
from cluster.tries import Tries
from scoring.batches.decode_budget import DecodeBudget
from scoring.batches.image_reader import ImageReader, ImageRow
from scoring.batches.in_flight import InFlight
from scoring.batches.read_ahead import ReadAhead, chunks_of, rows_of_chunk, threads_of
from scoring.batches.suspects import Suspects
from scoring.inference.bundle import BundleSignatureError, load_bundle
from scoring.inference.predictor import Predictor
from scoring.preprocessing.image_statistics import image_statistics
from scoring.preprocessing.registry import find_for
from scoring.protocol.errors import BatchUnreadable
from scoring.protocol.prediction import join_reasons
from scoring.records.rows import ScoredImage
from scoring.records.text import printable
from scoring.settings import BatchesSettings, ClientSettings


@dataclass(frozen=True)
class Job:
    """What a node is told: where images and model lie, where partitions go, and within what limits.

    ``bundle`` is the model's folder, at the same path on every node; ``version`` is the one it must
    have. ``cores`` is how many the predictor works with.
    """

    source: str
    batch: str
    out: str
    bundle: str
    version: str
    client: ClientSettings
    rules: BatchesSettings
    cores: int = 1


@dataclass(frozen=True)
class Finished:
    """A partition whose file is in place; ``seconds`` it took."""

    file: str
    counts: Counts
    seconds: float


class PartitionScorer:
    """Scores partitions one by one; has the model ready from the first on."""

    def __init__(self, job: Job) -> None:
        """Load the model.

        Raises BundleError where this node has another one, BatchUnreadable where it does not see
        the images.
        """
        self._job = job
        bundle = load_bundle(Path(job.bundle))
        if bundle.signature.version != job.version:
            raise BundleSignatureError(
                f"{job.bundle}: this node has version {bundle.signature.version[:12]}, the run"
                f" uses {job.version[:12]}; bring the same files to every node"
            )
        if not is_url(job.source) and not Path(job.source).is_dir():
            raise BatchUnreadable(f"a node sees no folder {job.source}; mount it at the same path")
        self._signature = bundle.signature
        self._predictor = Predictor(bundle, job.cores)
        self._out = storage_at(job.out)
        self._tries = Tries(self._out)

    def score(self, partition: Partition) -> Finished:
        """Score a partition and put its file in place.

        Raises BatchUnreadable where its images cannot be got at: none of them is to blame.
        """
        started = time.monotonic()
        ended = self._tries.begin(partition.file)
        images = list(self._images(partition, self._suspects(partition, ended)))
        self._out.write(partition.file, encode(self._job.batch, self._signature, images))
        self._tries.end(partition.file)
        return Finished(partition.file, counts_of(images), time.monotonic() - started)

    def _suspects(self, partition: Partition, ended: int) -> Suspects:
        """Suspect each image of a partition that was in hand when a process ended suddenly."""
        paths = partition.paths() if ended else []
        return Suspects({(self._job.batch, printable(path)): ended for path in paths})

    def _images(self, partition: Partition, suspects: Suspects) -> Iterator[ScoredImage]:
        reader = self._reader(suspects)
        rows_each = rows_of_chunk(self._job.client, self._signature.input.row_length)
        chunks = chunks_of(partition.paths(), rows_each)
        try:
            with ReadAhead(chunks, reader, threads=threads_of(self._job.client)) as ahead:
                for rows in ahead:
                    if isinstance(reader, UrlReader) and reader.lost:
                        raise BatchUnreadable(f"its storage does not answer: {reader.lost[0]}")
                    for row in rows:
                        row.num += partition.first - 1
                    yield from self._scored(rows)
        finally:
            reader.in_flight.close()

    def _reader(self, suspects: Suspects) -> ImageReader:
        job, spec = self._job, self._signature.input
        budget = DecodeBudget(job.rules.decoded_bytes)
        kind = UrlReader if is_url(job.source) else ImageReader
        return kind(
            batch=job.batch,
            folder=job.source,
            preprocess=find_for(self._signature.preprocessing, spec),
            shape=spec.shape,
            limits=budget.limits(job.client),
            budget=budget,
            find_known=lambda path, content_hash: None,
            in_flight=InFlight(None, 1),
            suspects=suspects,
            file_seconds=job.rules.file_seconds,
        )

    def _scored(self, rows: Sequence[ImageRow]) -> list[ScoredImage]:
        """Return what is to be written down of a chunk, in order; bad images have their error."""
        readable = [row for row in rows if row.pixels is not None]
        seen = iter(self._seen(readable) if readable else [])
        return [
            ScoredImage(row.num, row.path, row.content_hash, error=row.error or "not scored")
            if row.pixels is None
            else next(seen)
            for row in rows
        ]

    def _seen(self, rows: Sequence[ImageRow]) -> Iterator[ScoredImage]:
        pixels: NDArray[np.uint8] = np.stack([row.pixels for row in rows if row.pixels is not None])
        found, labels = self._predictor.predict(pixels), self._signature.labels
        if not np.isfinite(found.confidence + found.outlier_score).all():
            raise ValueError("the model gave a score that is no number")
        columns = (
            found.class_index, found.confidence, found.second_index, found.second_confidence,
            found.outlier_score, *image_statistics(pixels),
        )  # fmt: skip
        values = zip(*(column.tolist() for column in columns), strict=True)
        for row, review, (first, confidence, second, less, score, *figures) in zip(
            rows, found.review, values, strict=True
        ):
            yield ScoredImage(
                row.num, row.path, row.content_hash, labels[first], confidence,
                join_reasons(row.review, review), None, labels[second], less, score, *figures,
            )  # fmt: skip
