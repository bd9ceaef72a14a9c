"""A month with a new kind of picture: the desk corrects, the model is retrained, and is better.

Real garments that no network has learnt from. One half of them comes night by night; with the other
one the gate judges, as it would with all.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from fashion_model.calibrate import write_signature
from fashion_model.dataset.readers import LabelledImages
from fashion_model.dataset.split import Split
from fashion_model.gate import Verdict
from fashion_model.keep_features import LEARNT
from fashion_model.kept_features import features_of_split, write_features
from fashion_model.proof.lived_nights import Night, judge_at_desk, score_night
from fashion_model.retrain import judged, read_material
from fashion_model.retraining.candidate import make_candidate
from fashion_model.retraining.serving import serving_bundle
from fashion_model.retraining.switching import Switching
from scoring.inference.bundle import (
    FEATURES_FILE,
    HEAD_FILE,
    SERVED_FILE,
    SIGNATURE_FILE,
    Bundle,
    load_bundle,
)
from scoring.protocol.promoted import retrained_folder
from scoring.records.audit import sample_of
from scoring.records.ledger_reader import LedgerReader
from scoring.settings import Settings, load_settings

Images = NDArray[np.uint8]
Floats = NDArray[np.float64]
START = datetime(2026, 9, 1, 18, 5, tzinfo=UTC)
NIGHTS, WEEK, NEW_FROM = 28, 7, 7
NEW_SHARE = 0.4


def _pale(images: Images) -> Images:
    return np.minimum(images.astype(np.int16) + 100, 255).astype(np.uint8)


KINDS: dict[str, Callable[[Images], Images]] = {
    "inverted": lambda images: 255 - images,
    "upside down": lambda images: images[:, ::-1],
    "pale": _pale,
}


@dataclass(frozen=True)
class Month:
    """What came of a kind of picture: shares of 0-1, before and after, and the gate's verdict."""

    kind: str
    reviewed: int
    audited: tuple[float, float]
    all_of_them: tuple[float, float]
    held_out: tuple[float, float]
    seconds: float
    verdict: Verdict


def table(bundle: Bundle, split: Split) -> Iterator[str]:
    """Yield the table as Markdown, a row a kind of picture."""
    yield ("| new kind of picture | reviewed | right of it in the audit, last week → next week |"
           " right of all of it | right of the held-out | gate | s |")  # fmt: skip
    yield "|---|---|---|---|---|---|---|"
    for kind in KINDS:
        month = live_month(bundle, split, kind)
        cells = (_change(month.audited), _change(month.all_of_them), _change(month.held_out, 2))
        passed = "passed" if month.verdict.passed else "refused"
        yield (f"| {kind} | {month.reviewed} | {' | '.join(cells)} | {passed} |"
               f" {month.seconds:.1f} |")  # fmt: skip


def live_month(bundle: Bundle, split: Split, kind: str) -> Month:
    """Live through four weeks and one more, and retrain between; a refused candidate serves not."""
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        pool, rest = _halves(split)
        settings = _project(Path(folder), bundle, rest)
        nights = _Nights(settings, pool, kind, len(pool) // (NIGHTS + WEEK))
        for day in range(NIGHTS):
            nights.live(day, has_new=day >= NEW_FROM)
        before = nights.told(NIGHTS - WEEK, NIGHTS)
        started = time.monotonic()
        verdict, reviewed = _retrain(settings, bundle.signature.name)
        seconds = time.monotonic() - started
        for day in range(NIGHTS, NIGHTS + WEEK):
            nights.live(day, has_new=True)
        after = nights.told(NIGHTS, NIGHTS + WEEK)
    figures = verdict.figures()
    return Month(
        kind=kind,
        reviewed=reviewed,
        audited=(before[0], after[0]),
        all_of_them=(before[1], after[1]),
        held_out=(figures["accuracy_before"], figures["accuracy"]),
        seconds=seconds,
        verdict=verdict,
    )


def _halves(split: Split) -> tuple[LabelledImages, Split]:
    """Return the pictures that come at night, and the split with the others."""
    fit, measure = (np.arange(len(part)) for part in (split.fit, split.measure))
    come = [split.fit.take(fit[::2]), split.measure.take(measure[::2])]
    pool = LabelledImages(
        np.concatenate([part.images for part in come]),
        np.concatenate([part.labels for part in come]),
    )
    order = np.random.default_rng(0).permutation(len(pool))
    rest = replace(split, fit=split.fit.take(fit[1::2]), measure=split.measure.take(measure[1::2]))
    return pool.take(order), rest


def _project(folder: Path, bundle: Bundle, rest: Split) -> Settings:
    """Return the settings of a project of its own, whose model knows of ``rest`` alone."""
    home = folder / "model"
    home.mkdir()
    (home / SERVED_FILE).write_bytes(bundle.model)
    for name in (HEAD_FILE, SIGNATURE_FILE):
        shutil.copy(bundle.folder / name, home / name)
    digest = write_features(features_of_split(bundle, rest, LEARNT), home)
    files = {name: bundle.signature.files[name] for name in (SERVED_FILE, HEAD_FILE)}
    write_signature(home, bundle.signature.renewed(files={**files, FEATURES_FILE: digest}))
    settings = load_settings(server={"models": (home,)})
    return settings.replaced(project=folder)


def _retrain(settings: Settings, name: str) -> tuple[Verdict, int]:
    """Retrain, judge, and promote what passes; return the verdict and how many were reviewed."""
    with closing(LedgerReader.from_settings(settings)) as ledger:
        material = read_material(settings, ledger, name)
        made = make_candidate(material, retrained_folder(settings), START + timedelta(NIGHTS))
        verdict = judged(settings, material, made)
        switching = Switching(settings, ledger.database)
        if verdict.passed:
            with switching.alone("the proof"):
                switching.promote(name, made.signature.version, {"gate": verdict.figures()})
    return verdict, len(material.reviewed)


class _Nights:
    """Nights of a pool of pictures, each of which comes once, and what was found out of them."""

    def __init__(self, settings: Settings, pool: LabelledImages, kind: str, count: int) -> None:
        self._settings, self._pool, self._change, self._count = settings, pool, KINDS[kind], count
        self._random = np.random.default_rng(1)
        self._lived: list[tuple[Night, NDArray[np.bool_], Floats]] = []

    def live(self, day: int, has_new: bool) -> None:
        """Score a night's pictures, and have the desk judge those that wait."""
        places = np.arange(day * self._count, (day + 1) * self._count)
        come = self._pool.take(places)
        is_new = self._random.random(self._count) < (NEW_SHARE if has_new else 0.0)
        images = come.images.copy()
        images[is_new] = self._change(images[is_new])
        bundle = serving_bundle(self._settings, _name_of(self._settings))
        shown = LabelledImages(images, come.labels)
        now = START + timedelta(day)
        night = score_night(self._settings, bundle, shown, now)
        judge_at_desk(self._settings, bundle, night, come.labels.tolist(), now + timedelta(0.5))
        self._lived.append((night, is_new, self._weights(night)))

    def _weights(self, night: Night) -> Floats:
        """Return how many pictures each stands for that the desk has judged, 0 for the others."""
        with closing(LedgerReader.from_settings(self._settings)) as ledger:
            sample = {one.path: one.inclusion for one in sample_of(ledger.database, night.run_id)}
        weights = night.flagged.astype(np.float64)
        for place, key in enumerate(night.keys):
            if key.path in sample:
                weights[place] = 1.0 / sample[key.path]
        return weights

    def told(self, first: int, end: int) -> tuple[float, float]:
        """Return how right new pictures are by what the desk judged, and by all of them."""
        lived = self._lived[first:end]
        right = np.concatenate([night.right[is_new] for night, is_new, _ in lived])
        weights = np.concatenate([counted[is_new] for _, is_new, counted in lived])
        return float((right * weights).sum() / weights.sum()), float(right.mean())


def _name_of(settings: Settings) -> str:
    return load_bundle(settings.path(settings.server.models[0])).signature.name


def _change(shares: tuple[float, float], digits: int = 1) -> str:
    before, after = (100 * share for share in shares)
    return f"{before:.{digits}f} % → {after:.{digits}f} % ({after - before:+.{digits}f})"
