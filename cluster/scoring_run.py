"""One run, top to bottom: listing → partitions → nodes → Parquet → Results.csv."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from cluster.errors import ClusterFailed
from cluster.manifest import MANIFEST_FILE, Manifest
from cluster.owner import OwnedPlace, owned
from cluster.parts import Counts, count, decode
from cluster.plan import PARTITION_ROWS, Partition, out_of_date, partitions_of, still_to_score
from cluster.scorer import Finished, Job
from cluster.sources import FETCH_THREADS, Source, source_at
from cluster.storage import Storage, is_url, storage_at
from cluster.tries import is_note
from scoring.batches.image_folder import ImageList
from scoring.inference.bundle import Bundle, load_bundle
from scoring.processes.locks import cluster_lock
from scoring.protocol.bundle_names import bundle_name, find_bundle, served_bundles
from scoring.protocol.errors import SettingsError
from scoring.protocol.promoted import CannotRead, read_current, retrained_folder
from scoring.records.results_csv import CsvFormat, write_results
from scoring.records.rows import ResultRow
from scoring.settings import Settings

PROGRAM = "python -m cluster"

# What has partitions scored, in any order: Ray's nodes, or this process in a test.
Engine = Callable[[Sequence[Partition], Job], Iterator[Finished]]
Tell = Callable[[str], object]


@dataclass(frozen=True)
class Request:
    """What the command line asks for; ``rows`` of a partition: None is what ``out`` has already."""

    folder: str
    out: str
    results: Path | None = None
    model: str = ""
    rows: int | None = None
    cores: int = 1
    fresh: bool = False


@dataclass(frozen=True)
class Outcome:
    """How it went; ``kept`` partitions were there already."""

    counts: Counts
    partitions: int
    kept: int
    version: str
    results: Path | None

    def failed_percent(self) -> float:
        """Return how many of the images have an error, in percent."""
        return 100 * self.counts.failed / self.counts.images if self.counts.images else 0.0


class ScoringRun:
    """Scores what ``out`` has not yet; ``tell`` hears a line of what goes on."""

    def __init__(self, request: Request, settings: Settings, engine: Engine, tell: Tell) -> None:
        self._request = request
        self._settings = settings
        self._engine = engine
        self._tell = tell
        place = request.out
        self._place = place if is_url(place) else os.path.abspath(place)
        self._out = storage_at(self._place)

    def run(self) -> Outcome:
        """Run to the end.

        Raises ScoringError; what was finished by then is kept, and the same command goes on. Busy
        where another run writes to the same place.
        """
        with cluster_lock(self._settings, self._place, PROGRAM):
            return self._run()

    def _run(self) -> Outcome:
        source = source_at(self._request.folder, self._settings)
        bundle = self._bundle(source.batch)
        images = source.images(self._settings.batches)
        self._tell_left_out(images)
        with owned(self._out, self._place, self._settings, self._tell) as ours:
            return self._run_as_owner(source, bundle, images, ours)

    def _run_as_owner(
        self, source: Source, bundle: Bundle, images: ImageList, ours: OwnedPlace
    ) -> Outcome:
        manifest = self._begin(source, bundle)
        partitions = list(partitions_of(images, source.stamp, manifest.partition_rows))
        there = self._out.names()
        for name in filter(is_note, there):
            self._out.remove(name)
        kept = self._kept(partitions, there)
        missing = still_to_score(partitions, kept.keys())
        self._tell(
            f"{source.batch}: {len(images)} images in {len(partitions)} partitions,"
            f" {len(partitions) - len(missing)} of them scored already"
        )
        counts = sum(kept.values(), Counts())
        for finished in self._score(missing, self._job(source, bundle)):
            ours.check()
            counts += finished.counts
        self._check_all_there(partitions)
        results = self._write_results(partitions)
        version = bundle.signature.version
        return Outcome(counts, len(partitions), len(kept), version, results)

    def _kept(self, partitions: Sequence[Partition], there: Set[str]) -> dict[str, Counts]:
        """Return the files that need not be scored again: nothing in them was out of reach."""
        found = {}
        for one in partitions:
            if one.file in there:
                with _damaged(one.file):
                    found[one.file] = count(self._out.read(one.file))
        kept = {file: counts for file, counts in found.items() if not counts.unread}
        if len(kept) < len(found):
            again = len(found) - len(kept)
            self._tell(f"{again} partitions have files that could not be read: once more")
        return kept

    def _score(self, missing: Sequence[Partition], job: Job) -> Iterator[Finished]:
        images = 0
        for done, finished in enumerate(self._engine(missing, job) if missing else (), start=1):
            images += finished.counts.images
            self._tell(f"{done} of {len(missing)} partitions, {images} images scored")
            yield finished

    def _bundle(self, batch: str) -> Bundle:
        """Return the batch's model: the one asked for, its own, or else the server's first.

        A retrained one that was promoted takes its place, as it does in a server.
        """
        settings = self._settings
        name = self._request.model or settings.batches.models.get(batch) or settings.client.model
        folder = find_bundle(settings, name) if name else served_bundles(settings)[0]
        try:
            promoted = read_current(settings).get(bundle_name(folder), "")
        except CannotRead as error:
            raise SettingsError(f"which model serves cannot be told: {error}") from error
        return load_bundle(retrained_folder(settings, promoted) if promoted else folder)

    def _begin(self, source: Source, bundle: Bundle) -> Manifest:
        """Write down what ``out`` is to hold; raises OtherRun where it holds something else."""
        client, signature = self._settings.client, bundle.signature
        manifest = Manifest(
            source.batch, source.place, signature.name, signature.version,
            self._request.rows or PARTITION_ROWS, client.max_file_bytes,
            client.max_image_pixels, self._settings.batches.file_seconds,
        )  # fmt: skip
        if self._request.fresh:
            self._forget()
        if MANIFEST_FILE in self._out.names():
            there = Manifest.from_json(self._out.read(MANIFEST_FILE))
            if self._request.rows is None:
                manifest = replace(manifest, partition_rows=there.partition_rows)
            manifest.check_same(there)
        else:
            self._out.write(MANIFEST_FILE, manifest.as_json())
        return manifest

    def _forget(self) -> None:
        """Remove what another run left; the manifest last, so that it stays true until then."""
        there = self._out.names()
        for name in (*out_of_date([], there), *(there & {MANIFEST_FILE})):
            self._out.remove(name)

    def _job(self, source: Source, bundle: Bundle) -> Job:
        client, cores = self._settings.client, self._request.cores
        threads = FETCH_THREADS if is_url(source.place) else cores
        # The key is none of the nodes' business.
        own = {"api_key": None, "decode_threads": client.decode_threads or threads}
        return Job(
            source.place, source.batch, self._place, str(bundle.folder.absolute()),
            bundle.signature.version, client.replaced(**own), self._settings.batches, cores,
        )  # fmt: skip

    def _check_all_there(self, partitions: Sequence[Partition]) -> None:
        there = self._out.names()
        lost = still_to_score(partitions, there)
        if lost:
            raise ClusterFailed(
                f"{len(lost)} partitions were scored and are not in {self._place}: it must be a"
                " folder that every node sees at this path, or a URL"
            )
        for name in out_of_date(partitions, there):
            self._out.remove(name)

    def _write_results(self, partitions: Sequence[Partition]) -> Path | None:
        if self._request.results is None:
            return None
        return write_results(
            self._request.results,
            lambda: rows_of(self._out, partitions),
            CsvFormat.from_settings(self._settings),
        )

    def _tell_left_out(self, images: ImageList) -> None:
        left_out = images.left_out
        for what, text in (
            ("no images", left_out.tell_kinds()),
            ("cannot be read", left_out.tell_unreadable()),
        ):
            if text:
                self._tell(f"left out, {what}: {text}")


def rows_of(out: Storage, partitions: Sequence[Partition]) -> Iterator[ResultRow]:
    """Yield the rows of all partitions in order; one partition is in memory at a time.

    Raises ClusterFailed for a file that is damaged, with what to do.
    """
    for partition in partitions:
        with _damaged(partition.file):
            yield from decode(out.read(partition.file))


@contextmanager
def _damaged(file: str) -> Iterator[None]:
    """Say what to do about a file that is no partition."""
    try:
        yield
    except ValueError as error:
        raise ClusterFailed(
            f"{file} in --out is damaged: remove it and run the same command again"
        ) from error
