"""What a run needs to read its batches: files become rows here, for whoever scores them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Self

from scoring.batches.decode_budget import DecodeBudget
from scoring.batches.image_folder import Batch, ImageList
from scoring.batches.image_reader import ImageReader, Settling
from scoring.batches.in_flight import BatchFile, InFlight, left_in_flight
from scoring.batches.known_predictions import KnownPredictions
from scoring.batches.read_ahead import ReadAhead, growing_chunks, rows_of_chunk, threads_of
from scoring.batches.suspects import Suspects
from scoring.batches.watchdog import Watchdog
from scoring.preprocessing.registry import find_for
from scoring.protocol.errors import LedgerError
from scoring.protocol.signature import Signature
from scoring.records.ledger import Ledger, Run
from scoring.settings import Settings

IN_FLIGHT_FILE = "in-flight"
# Threads that may be left behind with a stuck file and still have their file noted.
SPARE_SLOTS = 8
# What the interpreter may be away for, in times of what one file has.
AWAY_FILES = 3


class RunReading:
    """Reads the batches of one run; use it in a ``with`` block, under the run lock.

    ``left`` are the files that were in flight when the run before this one ended suddenly.
    """

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        now: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._now = now
        self._threads = threads_of(settings.client)
        self._budget = DecodeBudget(settings.batches.decoded_bytes)
        self._suspects = Suspects({})
        self._in_flight: InFlight | None = None
        self._watchdog = Watchdog(AWAY_FILES * settings.batches.file_seconds)
        self.left: list[BatchFile] = []

    def __enter__(self) -> Self:
        path = self._settings.ledger_file.with_name(IN_FLIGHT_FILE)
        self.left = left_in_flight(path)
        self._suspects = Suspects.from_ledger(self._ledger)
        self._suspects.strike(self.left)
        self._suspects.save(self._ledger)
        self._in_flight = InFlight(path, self._threads + SPARE_SLOTS)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._in_flight
        self._in_flight.close()
        with suppress(LedgerError):
            self._suspects.save(self._ledger)

    @contextmanager
    def chunks(
        self, run: Run, resumed: bool, signature: Signature, batch: Batch, images: ImageList
    ) -> Iterator[ReadAhead]:
        """Give the chunks of a batch as its model wants them.

        Raises UnknownPreprocessing.
        """
        rows = rows_of_chunk(self._settings.client, signature.input.row_length)
        with (
            KnownPredictions(self._ledger, run, batch.name, resumed) as known,
            self._watchdog,
            ReadAhead(
                growing_chunks(images, rows),
                self._reader(run, signature, batch, known),
                threads=self._threads,
            ) as chunks,
        ):
            yield chunks

    def _reader(
        self, run: Run, signature: Signature, batch: Batch, known: KnownPredictions
    ) -> ImageReader:
        assert self._in_flight
        settling = Settling(self._settings.schedule.settle_seconds, self._now)
        return ImageReader(
            batch=batch.name,
            folder=str(batch.folder),
            preprocess=find_for(signature.preprocessing, signature.input),
            shape=signature.input.shape,
            limits=self._budget.limits(self._settings.client),
            budget=self._budget,
            find_known=known.find,
            in_flight=self._in_flight,
            suspects=self._suspects,
            file_seconds=self._settings.batches.file_seconds,
            settling=settling if run.kind == "nightly" else None,
        )
