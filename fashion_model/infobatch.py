"""Train less on what is already easy, without bias.

Source: Qin et al., "InfoBatch: Lossless Training Speed Up by Unbiased Dynamic Data Pruning",
ICLR 2024, arXiv 2303.04947.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class SamplePruner:
    """Remembers every sample's last loss and leaves out a share of those below the mean.

    The easy samples that stay weigh ``1 / (1 - share)``, so the expected gradient is unchanged.
    """

    def __init__(self, count: int, share: float) -> None:
        self.losses = np.ones(count, np.float32)
        self._share = share

    def plan(
        self, random: np.random.Generator, everything: bool = False
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return this epoch's shuffled sample numbers, int64 [M], and weights, float32 [M]."""
        order = random.permutation(len(self.losses))
        if everything or not self._share:
            return order, np.ones(len(order), np.float32)
        easy = self.losses[order] < self.losses.mean()
        kept = ~easy | (random.random(len(order)) >= self._share)
        weights = np.where(easy, 1.0 / (1.0 - self._share), 1.0).astype(np.float32)
        return order[kept], weights[kept]

    def record(self, index: NDArray[np.int64], losses: NDArray[np.float32]) -> None:
        """Remember the losses [B] of the samples at ``index`` [B]."""
        self.losses[index] = losses
