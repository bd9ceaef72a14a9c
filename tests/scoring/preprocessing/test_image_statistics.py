from __future__ import annotations

import numpy as np
import pytest

from scoring.preprocessing.image_statistics import FOREGROUND_LEVEL, image_statistics


def test_each_row_has_its_own_shares() -> None:
    edge = FOREGROUND_LEVEL
    rows = np.array([[0] * 4, [255] * 4, [0, 0, 255, 255], [edge - 1, edge, 0, 0]], np.uint8)
    found = image_statistics(rows)
    assert found.brightness.tolist()[:3] == [0.0, 1.0, 0.5]
    assert found.contrast.tolist()[:3] == [0.0, 0.0, 0.5]
    assert found.foreground.tolist() == [0.0, 1.0, 0.5, 0.25]


def test_many_bright_pixels_do_not_overflow() -> None:
    found = image_statistics(np.full((1, 1_000_003), 249, np.uint8))
    assert found.brightness[0] == pytest.approx(249 / 255)
    assert found.contrast[0] == pytest.approx(0.0, abs=1e-6)


def test_they_are_the_mean_and_the_deviation() -> None:
    rows = np.random.default_rng(0).integers(0, 256, (5, 150_528), dtype=np.uint8)
    found = image_statistics(rows)
    np.testing.assert_allclose(found.brightness, rows.mean(axis=1) / 255, rtol=1e-12)
    np.testing.assert_allclose(found.contrast, rows.std(axis=1) / 255, rtol=1e-12)
    np.testing.assert_array_equal(found.foreground, (rows >= FOREGROUND_LEVEL).mean(axis=1))


def test_no_rows_have_none() -> None:
    assert [len(part) for part in image_statistics(np.zeros((0, 784), np.uint8))] == [0, 0, 0]


@pytest.mark.parametrize("length", [9_999, 10_000])
def test_a_row_has_the_same_whatever_way_its_length_is_summed(length: int) -> None:
    rows = np.random.default_rng(1).integers(0, 256, (3, length), dtype=np.uint8)
    rows[1] = 249
    found = image_statistics(rows)
    wide = rows.astype(np.int64)
    squares = (wide**2).sum(axis=1) * length - wide.sum(axis=1) ** 2
    assert found.contrast.tolist() == (np.sqrt(squares.astype(float)) / length / 255).tolist()
    assert found.contrast[1] == 0.0
