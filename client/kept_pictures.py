"""After a run: pictures of the images that somebody may be asked about, for desk and report.

Results.csv is in place by then and the run has ended. Whatever goes wrong here is one event.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from contextlib import closing, suppress
from itertools import groupby

from client.run_context import RunContext
from scoring.batches.decode_budget import DecodeBudget
from scoring.batches.image_reader import ImageRow
from scoring.batches.in_flight import InFlight
from scoring.batches.picture_reader import PictureReader
from scoring.batches.read_ahead import ReadAhead, chunks_of, threads_of
from scoring.batches.suspects import Suspects
from scoring.preprocessing.registry import find_for
from scoring.protocol.errors import BatchUnreadable, PicturesDamaged, PicturesError, ScoringError
from scoring.protocol.file_names import as_file_name
from scoring.protocol.signature import ColumnNames, InputSpec, PreprocessingRef
from scoring.records.kept_picture import KeptPicture, Shape, Wanted, seen_as
from scoring.records.model_facts import pixels_wanted
from scoring.records.picture_pruning import prune_pictures
from scoring.records.picture_store import PictureStore
from scoring.records.run_life import RunEnded
from scoring.records.text import read_printable
from scoring.records.wanted_pictures import wanted_pictures

CODE = "pictures"
# Pictures that are read in one go.
AT_ONCE = 128
# Pictures wait for so many bytes and are then written together: each transaction writes the pages
# of the keys that it touches, anywhere in the file.
TOGETHER_BYTES = 1_000_000
# Of the time that a run has to end once it is told to, this may go to pictures.
STOP_SHARE = 4


class OutOfTime(Exception):
    """The run was told to end, and somebody waits for it."""


class PictureKeeping:
    """Listens for the end of a run and keeps its pictures; ``keep`` raises nothing of its own."""

    def __init__(self, context: RunContext) -> None:
        self._context = context
        self._settings = context.settings
        self._budget = DecodeBudget(context.settings.batches.decoded_bytes)
        self._failed: list[str] = []
        self._until = 0.0

    def keep(self, ended: RunEnded) -> None:
        """Keep the pictures of a run; trouble is told in one event."""
        records = self._settings.records
        if not records.pictures_bytes or ended.run.state == "missed":
            return
        database = self._context.ledger.database
        wanted = wanted_pictures(database, ended.run.id, records.uncertain_pictures)
        if not wanted:
            return
        try:
            with PictureStore.from_settings(self._settings) as store:
                self._keep_anew(store, wanted)
        except PicturesError as error:
            self._failed.append(f"no pictures are kept: {error}")
        if self._failed:
            text = "; ".join(self._failed)
            self._context.events.warning(CODE, text, run=ended.run.id)

    def _keep_anew(self, store: PictureStore, wanted: Sequence[Wanted]) -> None:
        """Keep them; where the store is damaged, in a new one."""
        try:
            self._keep_all(store, wanted)
        except PicturesDamaged as error:
            self._failed.append(f"{error}; {store.renew()}")
            self._keep_all(store, wanted)

    def _keep_all(self, store: PictureStore, wanted: Sequence[Wanted]) -> None:
        models = self._models({one.model_version for one in wanted})
        seen_by = {version: seen_as(ref, shape) for version, (ref, shape) in models.items()}
        lacking = store.lacking(wanted, seen_by)
        self._until = time.monotonic() + self._settings.client.stop_seconds / STOP_SHARE
        kept = 0
        for (batch, version), group in groupby(_by_model(lacking), _batch_and_model):
            model = models.get(version) or next(iter(models.values()), None)
            if model is None:
                continue  # nothing is known any more of any model of this run
            try:
                # Closed here, not when its last reference goes: it writes down what it has.
                with closing(self._in_batch(store, batch, model, list(group))) as images:
                    for done in images:
                        kept += done
                        self._raise_if_late()
            except OutOfTime:
                self._failed.append(f"{kept} of {len(lacking)} kept: the run was told to end")
                return

    def _in_batch(
        self,
        store: PictureStore,
        batch: str,
        model: tuple[PreprocessingRef, Shape],
        wanted: Sequence[Wanted],
    ) -> Generator[int, None, None]:
        """Keep the pictures of one batch; yield how many images were seen to, again and again."""
        reader = self._reader(batch, model)
        not_made: list[ImageRow] = []
        made: list[KeptPicture] = []
        threads = threads_of(self._settings.client)
        try:
            with ReadAhead(
                chunks_of(wanted, AT_ONCE), reader, threads=threads, alive=self._raise_if_late
            ) as chunks:
                for rows in chunks:
                    made += [reader.made.popleft() for _ in range(len(reader.made))]
                    if sum(one.size for one in made) >= TOGETHER_BYTES:
                        self._write(store, made)
                    not_made += [row for row in rows if row.error]
                    yield len(rows)
        except BatchUnreadable as error:
            self._failed.append(f"{batch}: {error}")
        finally:
            reader.in_flight.close()
            self._write(store, made)
            if not_made:
                one, count = not_made[0], f"{len(not_made)} of {len(wanted)}"
                self._failed.append(f"{count} in {batch} not kept: {one.path}: {one.error}")

    def _write(self, store: PictureStore, made: list[KeptPicture]) -> None:
        """Write pictures down, and empty the list; what cannot be written is not tried again."""
        together = made[:]
        made.clear()
        if together:
            store.keep(together, self._context.now())
            self._make_room(store)

    def _raise_if_late(self) -> None:
        """Give up where the run is to end, for whatever reason, and has had time since it did."""
        if self._context.stop.requested and time.monotonic() > self._until:
            raise OutOfTime

    def _make_room(self, store: PictureStore) -> None:
        if store.size_bytes > self._settings.records.pictures_bytes:
            prune_pictures(self._settings, self._context.ledger, store, self._context.now())

    def _reader(self, batch: str, model: tuple[PreprocessingRef, Shape]) -> PictureReader:
        settings, (ref, shape) = self._settings, model
        folder = settings.batches_folder / as_file_name(read_printable(batch))
        return PictureReader(
            batch=batch,
            folder=str(folder),
            preprocess=find_for(ref, _spec(shape)),
            shape=shape,
            limits=self._budget.limits(settings.client),
            budget=self._budget,
            find_known=lambda path, content_hash: None,
            in_flight=InFlight(None, 1),
            suspects=Suspects.from_ledger(self._context.ledger),
            file_seconds=settings.batches.file_seconds,
            memory=self._context.seen,
            ref=ref,
        )

    def _models(self, versions: set[str]) -> dict[str, tuple[PreprocessingRef, Shape]]:
        """Return preprocessing and shape of the models that saw the images, as far as known."""
        models = {}
        known = (*versions, *(one.version for one in self._context.models.distinct))
        for version in known:
            facts = self._context.ledger.model_facts(version)
            if facts is None:
                continue
            ref, shape = pixels_wanted(facts)
            with suppress(ScoringError):  # made by steps that are not here any more
                find_for(ref, _spec(shape))
                models[version] = (ref, shape)
        return models


def _spec(shape: Shape) -> InputSpec:
    return InputSpec(shape, "uint8", ColumnNames("pixel", 0))


def _by_model(images: Sequence[Wanted]) -> list[Wanted]:
    """Return them batch by batch, and within it by the model that saw them."""
    return sorted(images, key=_batch_and_model)


def _batch_and_model(image: Wanted) -> tuple[str, str]:
    return image.batch, image.model_version
