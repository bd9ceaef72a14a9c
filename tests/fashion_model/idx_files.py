"""Small IDX files, as the data set has them."""

import gzip
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RANDOM = np.random.default_rng(3)
IMAGES = RANDOM.integers(0, 256, (20, 28, 28), np.uint8)
LABELS = (np.arange(20) % 10).astype(np.uint8)


def idx(array: NDArray[np.uint8]) -> bytes:
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    return header + array.tobytes()


def write_idx(folder: Path, split: str, compress: bool = True) -> None:
    for kind, array in (("images-idx3", IMAGES), ("labels-idx1", LABELS)):
        content = gzip.compress(idx(array)) if compress else idx(array)
        (folder / f"{split}-{kind}-ubyte{'.gz' if compress else ''}").write_bytes(content)
