"""Readers for tests: a real folder, and a preprocessing that does what a test wants."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from scoring.batches.decode_budget import DecodeBudget
from scoring.batches.image_folder import ImageList, list_images
from scoring.batches.image_reader import ImageReader, ImageRow, Settling, Step
from scoring.batches.in_flight import InFlight
from scoring.batches.read_ahead import ReadAhead, chunks_of
from scoring.batches.suspects import Suspects
from scoring.preprocessing.pixels import DecodeLimits, Pixels, Shape
from scoring.settings import BatchesSettings

LONG_AGO = 1_000_000_000
SHAPE = (28, 28, 1)
NIGHTLY = Settling(5.0, lambda: datetime.now(UTC))


@dataclass(frozen=True)
class Played:
    """A preprocessing that calls ``decode`` with the file's bytes."""

    decode: Callable[[bytes], object] = lambda _: None
    name: str = "garment"
    version: int = 1

    def __call__(self, data: bytes, shape: Shape, limits: DecodeLimits) -> Pixels:
        self.decode(data)
        return Pixels(np.full(28 * 28, len(data), np.uint8), review=None)


def write_files(folder: Path, count: int) -> ImageList:
    """Write ``1.png`` … that say their name, and list them."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(1, count + 1):
        (folder / f"{number}.png").write_bytes(f"{number}.png".encode())
    return list_images(folder, BatchesSettings())


def reader_of(folder: Path, preprocess: Any, **changes: Any) -> ImageReader:
    """Return a reader that knows nothing and takes every file."""
    reader = ImageReader(
        batch="G1",
        folder=str(folder),
        preprocess=preprocess,
        shape=SHAPE,
        limits=DecodeLimits(10**8, 10**8),
        budget=DecodeBudget(10**9),
        find_known=lambda path, content_hash: None,
        in_flight=InFlight(folder.parent / "in-flight", 16),
        suspects=Suspects({}),
        file_seconds=60.0,
    )
    return replace(reader, **changes)


def let_time_pass_only_for(
    monkeypatch: pytest.MonkeyPatch, phase: str, paths: Collection[str]
) -> None:
    """Let these files' time be over as soon as they are in ``phase``, and no other file's ever.

    So the machine may be as busy as it likes.
    """

    def beat(step: Step) -> None:
        is_late = step.row is not None and step.row.path in paths and step.phase == phase
        step.since = -math.inf if is_late else math.inf

    monkeypatch.setattr(Step, "beat", beat)


def read_all(
    images: ImageList, reader: ImageReader, chunk_rows: int = 4, threads: int = 2
) -> list[ImageRow]:
    """Return the rows of a whole batch."""
    with ReadAhead(chunks_of(images, chunk_rows), reader, threads=threads) as chunks:
        return [row for chunk in chunks for row in chunk]
