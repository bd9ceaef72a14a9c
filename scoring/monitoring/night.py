"""What a model made of a night's images, as arrays: what estimates and drift are made from."""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Night(Struct, frozen=True):
    """N images that one model scored in a run; those that failed are no part of it.

    ``predicted`` int64 [N] and ``second`` int64 [N] are indices of the model's labels, the others
    float64 [N]: shares of 0-1 but ``outlier_score``, NaN where the ledger has no figure.
    """

    predicted: NDArray[np.int64]
    confidence: Floats
    second: NDArray[np.int64]
    second_confidence: Floats
    outlier_score: Floats
    brightness: Floats
    contrast: Floats
    foreground: Floats

    def __len__(self) -> int:
        return len(self.predicted)

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Night:
        """Return the night of those images."""
        return Night(**{name: getattr(self, name)[rows] for name in self.__struct_fields__})
