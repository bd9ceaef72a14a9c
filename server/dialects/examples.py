"""Requests that work as they stand, for /openapi.json: one image of the model's size in each."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Collection
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scoring.protocol.signature import InputSpec, Signature

# An image of more values than that, written out as numbers, is nothing that anyone reads, and
# would keep others waiting while it is written.
MOST_NUMBERS = 4_096
PICTURE = Path(__file__).parent.parent / "pages" / "files" / "example.jpg"
SHIRT = """
..............
...##....##...
..####..####..
.############.
##############
##############
.############.
..#.######.#..
....######....
....######....
....######....
....######....
....######....
..............
""".split()
LIGHT = 200


def form_examples(signature: Signature, forms: Collection[str]) -> dict[str, Any]:
    """Return requests of these forms, by their names; those of numbers for small images only."""
    spec = signature.input
    picture = base64.b64encode(_picture()).decode("ascii")
    examples: dict[str, Any] = {
        "pictures": {"instances": [{"b64": picture}]},
        "dataframe_b64": {"dataframe_b64": _block(shirt(spec))},
    }
    if _is_small(spec):
        row, names = _row(spec), spec.column_names()
        examples |= {
            "instances": {"instances": [row]},
            "inputs": {"inputs": {"pixels": [row]}},
            "dataframe_split": {"dataframe_split": {"index": ["shirt"], "data": [row]}},
            "dataframe_records": {"dataframe_records": [dict(zip(names, row, strict=True))]},
        }
    return {name: one for name, one in examples.items() if one.keys() <= set(forms)}


def frame_examples(signature: Signature) -> dict[str, Any]:
    """Return a bare ``DataFrame.to_json()``, for small images only."""
    spec = signature.input
    if not _is_small(spec):
        return {}
    row, names = _row(spec), spec.column_names()
    return {"dataframe": {name: {"0": value} for name, value in zip(names, row, strict=True)}}


def csv_examples(signature: Signature) -> dict[str, str]:
    """Return a table with its first line, for small images only."""
    spec = signature.input
    if not _is_small(spec):
        return {}
    lines = (spec.column_names(), map(str, _row(spec)))
    return {"csv": "".join(",".join(line) + "\n" for line in lines)}


def infer_examples(signature: Signature) -> dict[str, Any]:
    """Return a request of the Open Inference Protocol, for small images only."""
    spec = signature.input
    if not _is_small(spec):
        return {}
    row = _row(spec)
    tensor = {"name": "pixels", "datatype": "UINT8", "shape": [1, len(row)], "data": row}
    outputs = [{"name": "label"}, {"name": "confidence"}]
    return {"infer": {"id": "shirt", "inputs": [tensor], "outputs": outputs}}


def shirt(spec: InputSpec) -> NDArray[np.uint8]:
    """Return uint8 [H, W, C]: a light shirt of 14 × 14 squares on black."""
    squares = np.array([[letter == "#" for letter in line] for line in SHIRT])
    height, width, channels = spec.shape
    down = np.arange(height) * len(SHIRT) // height
    across = np.arange(width) * len(SHIRT[0]) // width
    grey = (squares[down][:, across] * LIGHT).astype(np.uint8)
    return np.repeat(grey[:, :, None], channels, axis=2)


def refer_to(names: Collection[str]) -> dict[str, Any]:
    """Refer to the examples of these names."""
    return {name: {"$ref": f"#/components/examples/{name}"} for name in names}


def _is_small(spec: InputSpec) -> bool:
    return spec.row_length <= MOST_NUMBERS


def _row(spec: InputSpec) -> list[int]:
    return shirt(spec).ravel().tolist()


def _block(image: NDArray[np.uint8]) -> dict[str, Any]:
    return {
        "index": {"start": 0, "stop": 1},
        "dtype": "uint8",
        "shape": [1, image.size],
        "compression": "zlib",
        "data": base64.b64encode(zlib.compress(image.tobytes())).decode("ascii"),
    }


@cache
def _picture() -> bytes:
    return PICTURE.read_bytes()
