"""Against values that can be worked out."""

import numpy as np
import pytest

from fashion_model.infobatch import SamplePruner


def test_pruning_is_unbiased() -> None:
    pruner = SamplePruner(2000, share=0.6)
    losses = np.random.default_rng(0).exponential(size=2000).astype(np.float32)
    pruner.record(np.arange(2000), losses)
    random, totals = np.random.default_rng(1), []
    for _ in range(300):
        index, weights = pruner.plan(random)
        assert len(np.unique(index)) == len(index) < 2000
        totals.append((weights * losses[index]).sum())
    assert np.mean(totals) == pytest.approx(losses.sum(), rel=0.01)


def test_nothing_is_pruned_at_first_or_at_the_end() -> None:
    pruner = SamplePruner(100, share=0.6)
    random = np.random.default_rng(0)
    assert len(pruner.plan(random)[0]) == 100
    pruner.record(np.arange(50), np.zeros(50, np.float32))
    assert len(pruner.plan(random)[0]) < 100
    index, weights = pruner.plan(random, everything=True)
    assert sorted(index.tolist()) == list(range(100))
    assert (weights == 1.0).all()
