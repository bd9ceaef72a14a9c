"""What people said, as pictures to learn from: the pixels that the model saw, classes, weights.

Pictures are not reviewed by chance alone: of the flagged all are asked for, of the others a few are
drawn. Each counts as many as it stands for (Horvitz and Thompson 1952, "A Generalization of
Sampling Without Replacement"), and none so much that it decides alone (truncated weights: Ionides
2008, "Truncated Importance Sampling").
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from scoring.protocol.signature import Signature
from scoring.records.database import Database
from scoring.records.labels import Labels, Review
from scoring.records.ledger_reader import LedgerReader
from scoring.records.picture_store import PictureStore

MOST_WEIGHT = 5.0  # times the mean
HELD_OUT_SHARE = 0.25
STRANGER = -1

FLAGGED_BY_RUN = (
    "SELECT run_id, count(*) FROM predictions WHERE review IS NOT NULL AND label IS NOT NULL"
    " GROUP BY run_id"
)
INCLUSIONS = (
    "SELECT a.batch, a.path, a.content_hash, a.inclusion FROM audit_sample a"
    " LEFT JOIN runs r ON r.id = a.run_id ORDER BY r.number"
)


@dataclass(frozen=True)
class ReviewedPictures:
    """N pictures that people judged, each content once, by its hash.

    ``labels`` int64 [N], -1 for what is of no class; ``weights``
    float64 [N], how many pictures each stands for; ``groups`` int64 [N]: near-copies have one;
    ``held_out`` bool [N]: those that are not learnt from. ``left_out`` says why others are.
    """

    hashes: tuple[str, ...]
    labels: NDArray[np.int64]
    weights: NDArray[np.float64]
    groups: NDArray[np.int64]
    held_out: NDArray[np.bool_]
    left_out: dict[str, int]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def has_class(self) -> NDArray[np.bool_]:
        """Return which pictures are of a class of the model."""
        return np.asarray(self.labels != STRANGER, np.bool_)

    def without(self, learnt: Iterable[str]) -> ReviewedPictures:
        """Return them with none held out that has been learnt from, by content."""
        known = set(learnt)
        fresh = np.array([one not in known for one in self.hashes], np.bool_)
        return replace(self, held_out=self.held_out & fresh)


@dataclass(frozen=True)
class _Judged:
    content_hash: str
    label: int
    weight: float


def read_reviewed(
    ledger: LedgerReader, store: PictureStore, signature: Signature
) -> ReviewedPictures:
    """Return what stands of people's reviews of this model's pictures, whichever its version.

    Raises LedgerError.
    """
    left_out: Counter[str] = Counter()
    found = _once_each(_judged(ledger.database, Labels(ledger), signature, left_out), left_out)
    kept, thumbnails = _with_thumbnails(found, store, signature)
    if len(kept) < len(found):
        left_out["no pixels are kept of them"] += len(found) - len(kept)
    hashes = tuple(one.content_hash for one in kept)
    groups = _groups(thumbnails)
    return ReviewedPictures(
        hashes=hashes,
        labels=np.array([one.label for one in kept], np.int64),
        weights=np.array([one.weight for one in kept], np.float64),
        groups=groups,
        held_out=_held_out(hashes, groups),
        left_out=dict(left_out),
    )


def bounded(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return weights with a mean of 1, none of them much more."""
    if not len(weights):
        return weights
    even = np.minimum(weights / weights.mean(), MOST_WEIGHT)
    return np.asarray(even / even.mean(), np.float64)


def evenly_drawn(weights: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """Return ``count`` places among the weights, each as often as it weighs; none of none.

    Madow 1949, "On the Theory of Systematic Sampling": nothing is left to chance.
    """
    if not len(weights):
        return np.empty(0, np.int64)
    ends = np.cumsum(bounded(weights))
    wanted = (np.arange(count) + 0.5) * (ends[-1] / count)
    return np.asarray(np.searchsorted(ends, wanted), np.int64)


def _judged(
    database: Database, labels: Labels, signature: Signature, left_out: Counter[str]
) -> Iterator[_Judged]:
    places = {label: place for place, label in enumerate(signature.labels)}
    reviews = [one for one in labels.all_current() if one.said.model_name == signature.name]
    weigh = _Weighing(database, reviews)
    for review in reviews:
        if review.verdict == "cannot tell":
            left_out["nobody can tell"] += 1
        elif review.verdict == "label" and review.label not in places:
            left_out["labels that the model does not have"] += 1
        else:
            label = places[review.label] if review.label else STRANGER
            yield _Judged(review.picture.content_hash, label, weigh(review))


class _Weighing:
    """How many pictures of its run a reviewed one stands for."""

    def __init__(self, database: Database, reviews: Iterable[Review]) -> None:
        rows = database.query(INCLUSIONS)
        self._inclusions = {(batch, path, digest): float(p) for batch, path, digest, p in rows}
        self._flagged = dict(database.query(FLAGGED_BY_RUN))
        self._reviewed = Counter(one.said.run_id for one in reviews if one.said.flagged)

    def __call__(self, review: Review) -> float:
        picture, said = review.picture, review.said
        if said.flagged:
            flagged = float(self._flagged.get(said.run_id, 0))
            return max(1.0, flagged / self._reviewed[said.run_id])
        # Neither drawn nor flagged: somebody came by it, and it stands for itself.
        key = (picture.batch, picture.path, picture.content_hash)
        return 1.0 / self._inclusions.get(key, 1.0)


def _once_each(judged: Iterable[_Judged], left_out: Counter[str]) -> list[_Judged]:
    """Return each content once; what people named differently in two places teaches nothing."""
    by_content: dict[str, list[_Judged]] = {}
    for one in judged:
        by_content.setdefault(one.content_hash, []).append(one)
    agreed = []
    for all_of_it in by_content.values():
        if len({one.label for one in all_of_it}) > 1:
            left_out["named differently in two places"] += len(all_of_it)
        else:
            agreed.append(max(all_of_it, key=lambda one: one.weight))
    return sorted(agreed, key=lambda one: one.content_hash)


def _with_thumbnails(
    found: Iterable[_Judged], store: PictureStore, signature: Signature
) -> tuple[list[_Judged], list[NDArray[np.float32]]]:
    """Return those whose pixels are kept, and what they look like; no pixels stay in memory."""
    # A second to load, and only here.
    from fashion_model.teaching.photographs import thumbnail

    kept, thumbnails = [], []
    for one in found:
        seen = store.seen(one.content_hash, signature.preprocessing, signature.input.shape)
        if seen is not None:
            kept.append(one)
            thumbnails.append(thumbnail(seen))
    return kept, thumbnails


def _groups(thumbnails: list[NDArray[np.float32]]) -> NDArray[np.int64]:
    """Return a number for each picture that its near-copies share, int64 [N]."""
    from fashion_model.teaching.copies import groups_by_thumbnail

    return groups_by_thumbnail(np.stack(thumbnails)) if thumbnails else np.empty(0, np.int64)


def _held_out(hashes: tuple[str, ...], groups: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which pictures are not learnt from: whole groups, today as tomorrow."""
    first: dict[int, str] = {}
    for content_hash, group in zip(hashes, groups.tolist(), strict=True):
        first[group] = min(content_hash, first.get(group, content_hash))
    chosen = {group: _share(name) < HELD_OUT_SHARE for group, name in first.items()}
    return np.array([chosen[group] for group in groups.tolist()], np.bool_)


def _share(name: str) -> float:
    """Return a number of 0-1 that is the same for the same name, and else as good as drawn."""
    digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2.0**64
