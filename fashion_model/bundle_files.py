"""Write the files of a bundle. No training package is loaded for it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scoring.inference.bundle import HEAD_FILE, RELATIVE, shared_backbone
from scoring.records.atomic_file import replacing

# From so many numbers on, the whitening is written in half precision: 3 MB for 1,280 features
# instead of 7. The order of the scores and what passes a threshold stay (see the model card).
HALF_FROM = 500_000


def write_head(
    folder: Path,
    kernel: NDArray[Any],
    bias: NDArray[Any],
    whitening: NDArray[Any],
    means: NDArray[Any],
    relative: bool = False,
) -> None:
    """Write kernel [F, K], bias [K], whitening [F, W] and class means [K, W] as a bundle's head.

    ``relative``: whether the latter two are of the features as shares of their sum.
    """
    arrays = {"kernel": kernel, "bias": bias, "class_means": means}
    kind = np.float16 if whitening.size >= HALF_FROM else np.float32
    written: dict[str, Any] = {name: array.astype(np.float32) for name, array in arrays.items()}
    if relative:
        written[RELATIVE] = np.array(True)
    with replacing(folder / HEAD_FILE) as part, part.open("wb") as file:
        np.savez(file, **written, whitening=whitening.astype(kind))


def share_backbone(folder: Path, network: bytes) -> str:
    """Put a network where the bundle in ``folder`` finds it, and those beside it; return its hash.

    The folder itself then needs no copy; the hash is what the signature's ``files`` says of it.
    """
    digest = hashlib.sha256(network).hexdigest()
    path = shared_backbone(folder, digest)
    if not path.is_file() or path.read_bytes() != network:
        with replacing(path) as part:
            part.write_bytes(network)
    return digest
