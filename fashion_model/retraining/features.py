"""What a network makes of reviewed pictures: made once for each content, and kept."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scoring.inference.bundle import SERVED_FILE, Bundle
from scoring.inference.predictor import Predictor
from scoring.protocol.reference import NOT_ARRAYS
from scoring.records.atomic_file import replacing

Features = NDArray[np.float32]
PixelsOf = Callable[[str], NDArray[np.uint8]]
# Of pictures that are in memory at a time; more makes nothing faster.
AT_ONCE_BYTES = 40_000_000


def features_by_content(
    bundle: Bundle, hashes: Sequence[str], pixels_of: PixelsOf, cache: Path
) -> Features:
    """Return the features float32 [N, F] of pictures by their contents' hashes.

    What was made before is read from ``cache``, which may be deleted; where it cannot be written
    the next time takes longer, and nothing else. Of others ``pixels_of`` is asked for pixels [D].
    """
    ref = bundle.signature.preprocessing
    digest = bundle.signature.files[SERVED_FILE][:16]
    path = cache / f"reviewed-{digest}-{ref.name}-{ref.version}.npz"
    width = len(bundle.head.kernel)
    known = _read(path, width)
    new = [content for content in hashes if content not in known]
    if new:
        known |= _made(bundle, new, pixels_of)
        with suppress(OSError):
            _write(path, known)
    rows = [known[content] for content in hashes]
    return np.stack(rows) if rows else np.empty((0, width), np.float32)


def _made(bundle: Bundle, hashes: Sequence[str], pixels_of: PixelsOf) -> dict[str, Features]:
    at_once = max(1, AT_ONCE_BYTES // bundle.signature.input.row_length)
    predictor = Predictor(bundle)
    made: dict[str, Features] = {}
    for start in range(0, len(hashes), at_once):
        some = hashes[start : start + at_once]
        rows = np.stack([pixels_of(content).reshape(-1) for content in some])
        made |= dict(zip(some, predictor.features(rows), strict=True))
    predictor.close()
    return made


def _read(path: Path, width: int) -> dict[str, Features]:
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as arrays:
            hashes, features = arrays["hashes"], arrays["features"]
    except NOT_ARRAYS:
        return {}  # not there yet, or torn
    if features.dtype != np.float32 or features.shape != (len(hashes), width):
        return {}
    return dict(zip(hashes.tolist(), features, strict=True))


def _write(path: Path, known: dict[str, Features]) -> None:
    with replacing(path) as part, part.open("wb") as file:
        np.savez(file, hashes=np.array(list(known)), features=np.stack(list(known.values())))
