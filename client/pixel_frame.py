"""Rows that are ready to score → their pixel DataFrame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scoring.batches.image_reader import ImageRow


def pixel_columns(row_bytes: int) -> pd.Index[str]:
    """Return the column names of a pixel DataFrame: pixel1 … pixelN."""
    return pd.Index([f"pixel{number}" for number in range(1, row_bytes + 1)])


def pixel_frame(rows: Sequence[ImageRow], columns: pd.Index[str]) -> pd.DataFrame:
    """Return the pixel DataFrame of rows to score: uint8, one row an image, ids their nums."""
    # One long row, folded: to stack them, NumPy looks at each by itself.
    pixels = np.concatenate([cast(NDArray[np.uint8], row.pixels) for row in rows])
    pixels = pixels.reshape(len(rows), -1)
    index = pd.Index([row.num for row in rows])
    return pd.DataFrame(pixels, index=index, columns=columns, copy=False)
