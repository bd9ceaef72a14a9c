"""A hundred images and what the model says of them; read by every client, with NumPy alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

FILE = "images.npz"


@dataclass(frozen=True)
class Images:
    """What a client sends, and what it must be told.

    Attributes:
        url: of a server that anybody on this machine may ask.
        locked_url, key: of one that wants this key.
        model, version: which it answers with.
        files: the pictures, as paths.
        pixels: uint8 [N, 784], what the model's own preprocessing makes of the pictures.
        labels: the likeliest class of each.
        confidence: float32 [N], its probability.
        probabilities: float32 [N, C].
        classes: the names of all classes.
    """

    url: NDArray[np.str_]
    locked_url: NDArray[np.str_]
    key: NDArray[np.str_]
    model: NDArray[np.str_]
    version: NDArray[np.str_]
    files: NDArray[np.str_]
    pixels: NDArray[np.uint8]
    labels: NDArray[np.str_]
    confidence: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    classes: NDArray[np.str_]

    @property
    def authorization(self) -> dict[str, str]:
        """Return the header with the key."""
        return {"Authorization": f"Bearer {self.key}"}

    def save(self, folder: Path) -> None:
        """Write all of it into a folder."""
        columns: dict[str, Any] = {one.name: getattr(self, one.name) for one in fields(self)}
        np.savez(folder / FILE, **columns)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what ``save`` wrote."""
        with np.load(folder / FILE, allow_pickle=False) as columns:
            return cls(**{one.name: columns[one.name] for one in fields(cls)})

    def check_scores(self, labels: Iterable[str], confidences: Sequence[float] | Any) -> None:
        """Raise AssertionError unless labels and float32 confidences are the model's own bits."""
        self.check_labels(labels)
        found = np.asarray(confidences, np.float32).ravel()
        assert found.shape == self.confidence.shape, f"{found.size} confidences"
        differ = int((found != self.confidence).sum())
        assert not differ, f"{differ} confidences differ, by {self._farthest(found)} at most"

    def check_percentages(
        self, labels: Iterable[str], percentages: Iterable[float], most: float = 100.0
    ) -> None:
        """Raise AssertionError unless the percentages are the confidences with two decimals.

        What is less than certain, however little, is said to be this at most.
        """
        self.check_labels(labels)
        found = [f"{float(one):.2f}" for one in percentages]
        rounded = (round(100 * float(one), 2) for one in self.confidence)
        certain = (float(one) == 1 for one in self.confidence)
        pairs = zip(rounded, certain, strict=True)
        expected = [f"{one if sure else min(one, most):.2f}" for one, sure in pairs]
        differ = [
            f"{one} for {other}" for one, other in zip(found, expected, strict=True) if one != other
        ]
        assert not differ, f"{len(differ)} percentages differ: {', '.join(differ[:3])}"

    def check_labels(self, labels: Iterable[str]) -> None:
        """Raise AssertionError unless these are the labels, in their order."""
        found = list(labels)
        assert len(found) == len(self.labels), f"{len(found)} labels"
        differ = sum(one != other for one, other in zip(found, self.labels.tolist(), strict=True))
        assert not differ, f"{differ} labels differ"

    def _farthest(self, found: NDArray[np.float32]) -> float:
        return float(np.abs(found.astype(np.float64) - self.confidence).max())
