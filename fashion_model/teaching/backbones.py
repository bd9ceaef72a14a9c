"""Frozen networks that turn a photograph into features: which there are, and what they take."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from fashion_model.teaching.sources import CannotTeach
from scoring.inference.bundle import BundleError, load_bundle
from scoring.protocol.bundle_names import BACKBONES_FOLDER, SIGNATURE_FILE
from scoring.settings import CODE_ROOT

AUTO = "auto"
BACKBONES = Path("models") / BACKBONES_FOLDER
SUFFIX = ".tflite"
CHANNELS = 3


class Backbone:
    """An integer network, uint8 photographs in, pooled float32 features out; threads may share it.

    ``digest`` is the SHA-256 of the file, ``shape`` (height, width, channels) of what it takes,
    ``width`` the number of its features. Each thread has an interpreter of its own, of one core.
    """

    def __init__(self, path: Path) -> None:
        """Load the network in ``path``; raises CannotTeach where it is none for photographs."""
        self.path = path
        self._own = threading.local()
        try:
            self.content = path.read_bytes()
        except OSError as error:
            raise CannotTeach(f"{path}: no backbone: {error.strerror or error}") from error
        self.digest = hashlib.sha256(self.content).hexdigest()
        try:
            interpreter = self._interpreter()
            source, target = interpreter.get_input_details(), interpreter.get_output_details()
            height, width, channels = _rows_of(source, np.uint8, 3)
            self.shape = (height, width, channels)
            (self.width,) = _rows_of(target, np.float32, 1)
        except (RuntimeError, ValueError) as error:
            raise CannotTeach(f"{path}: no backbone: {error}") from error
        if channels != CHANNELS:
            raise CannotTeach(
                f"{path}: no backbone for photographs: it takes images of"
                f" {' x '.join(map(str, self.shape))}, not of {CHANNELS} channels"
            )

    def features(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the features float32 [F] of one photograph, uint8 [H*W*C] in the net's shape."""
        interpreter = self._interpreter()
        (source,), (target,) = interpreter.get_input_details(), interpreter.get_output_details()
        interpreter.set_tensor(source["index"], pixels.reshape(1, *self.shape))
        interpreter.invoke()
        features: NDArray[np.float32] = interpreter.get_tensor(target["index"])[0]
        return features

    def _interpreter(self) -> Interpreter:
        if not hasattr(self._own, "interpreter"):
            self._own.interpreter = Interpreter(model_content=self.content, num_threads=1)
            self._own.interpreter.allocate_tensors()
        return self._own.interpreter


def _rows_of(tensors: list[dict[str, Any]], dtype: type, sides: int) -> tuple[int, ...]:
    """Return the shape of one row of the only tensor; raises ValueError where it is another."""
    if len(tensors) != 1:
        raise ValueError(f"it has {len(tensors)} inputs or outputs, not one")
    tensor = tensors[0]
    shape = tuple(int(side) for side in tensor["shape"])
    if tensor["dtype"] is not dtype or len(shape) != sides + 1 or shape[0] != 1:
        is_, wanted = np.dtype(tensor["dtype"]), np.dtype(dtype)
        raise ValueError(f"it has rows of {is_}{list(shape[1:])}, not of {wanted} in {sides} sides")
    return shape[1:]


def find_backbones(wanted: str, out: Path) -> list[Backbone]:
    """Return the backbones to choose from: the one that is named, or all there are (``auto``).

    Named is a file, or the folder of a bundle. ``auto`` takes those that lie
    beside the bundle to be made, in the project and with the code, each once.

    Raises:
        CannotTeach: there is none.
    """
    if wanted != AUTO:
        return [Backbone(_named(Path(wanted)))]
    homes = [out.parent / BACKBONES_FOLDER, BACKBONES, CODE_ROOT / BACKBONES]
    found = {path.name: path for home in reversed(homes) for path in home.glob(f"*{SUFFIX}")}
    if not found:
        raise CannotTeach(
            f"no backbone: there is no *{SUFFIX} in {_listed(homes)};"
            " put one there, or name one with --backbone FILE"
        )
    loaded = (Backbone(path) for _, path in sorted(found.items()))
    return list({backbone.digest: backbone for backbone in loaded}.values())


def bundles_beside(out: Path) -> list[Path]:
    """Return the folders of bundles beside the one to be made, in the project, with the code."""
    homes = [out.parent, BACKBONES.parent, CODE_ROOT / BACKBONES.parent]
    found = [signature.parent for home in homes for signature in home.glob(f"*/{SIGNATURE_FILE}")]
    return sorted({folder.resolve() for folder in found})


def _named(path: Path) -> Path:
    """Return the file that is named, or that of a bundle's network, its own or a shared one."""
    try:
        return load_bundle(path).model_file if path.is_dir() else path
    except BundleError as error:
        raise CannotTeach(f"{path}: no backbone, and no bundle that has one: {error}") from error


def _listed(folders: Sequence[Path]) -> str:
    return ", ".join(dict.fromkeys(str(folder.resolve()) for folder in folders))
