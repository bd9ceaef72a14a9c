"""Of several trainings' states, the mean of their weights."""

from pathlib import Path

import numpy as np
import pytest

from fashion_model.checkpoint import TrainingState, save_state
from fashion_model.dataset.description import DataError
from fashion_model.export import mean_weights


def state(path: Path, *weights: np.ndarray) -> Path:
    """Write a training's state whose averaged weights are these."""
    save_state(path, TrainingState(arrays={"averages": list(weights)}), "of this test")
    return path


def test_one_state_is_taken_as_it_is(tmp_path: Path) -> None:
    kernel = np.array([[0.1, 0.2]], np.float32)
    (weights,) = mean_weights([state(tmp_path / "a.npz", kernel)])
    assert weights.tobytes() == kernel.tobytes()


def test_weights_of_several_are_averaged_each_with_its_like(tmp_path: Path) -> None:
    files = [
        state(tmp_path / f"{n}.npz", np.full((2, 3), n, np.float32), np.array([10 * n], np.float32))
        for n in (1, 2, 6)
    ]
    kernel, bias = mean_weights(files)
    assert kernel.dtype == np.float32
    assert kernel.tolist() == [[3.0] * 3] * 2
    assert bias.tolist() == [30.0]


def test_states_of_other_networks_and_missing_ones_are_named(tmp_path: Path) -> None:
    small = state(tmp_path / "small.npz", np.zeros((2, 3), np.float32))
    large = state(tmp_path / "large.npz", np.zeros((2, 4), np.float32))
    with pytest.raises(DataError, match=r"large\.npz: is of a network of another shape"):
        mean_weights([small, large])
    with pytest.raises(DataError, match=r"none\.npz: there is no such training state"):
        mean_weights([small, tmp_path / "none.npz"])
