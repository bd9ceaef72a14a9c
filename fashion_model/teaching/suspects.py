"""Pictures whose label is probably wrong, by confident learning."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Suspect:
    """A picture by its index, the class it is rather of, and both probabilities (0-1)."""

    picture: int
    rather: int
    of_own: float
    of_other: float


def find_suspects(probabilities: Floats, classes: Indices) -> list[Suspect]:
    """Return the suspects, the surest first.

    ``probabilities`` [N, K] come from heads that were not fitted to the pictures. A picture is
    suspect where another class is as probable as it is, on average, for that class's own pictures,
    and more than the own class. Source: Northcutt et al. 2021, "Confident Learning", arXiv
    1911.00068.
    """
    count = probabilities.shape[1]
    own = probabilities[np.arange(len(classes)), classes]
    usual = np.array([own[classes == k].mean() for k in range(count)])
    confident = np.where(probabilities >= usual, probabilities, 0.0)
    rather = confident.argmax(axis=1)
    other = probabilities[np.arange(len(classes)), rather]
    found = np.flatnonzero((rather != classes) & (other > own) & (confident.max(axis=1) > 0))
    order = found[np.argsort(own[found] - other[found], kind="stable")]
    return [Suspect(int(i), int(rather[i]), float(own[i]), float(other[i])) for i in order]
