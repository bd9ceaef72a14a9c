"""Training state on disk: whole or not at all."""

from __future__ import annotations

import os
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from fashion_model.dataset.description import DataError


@dataclass
class TrainingState:
    """Everything a resumed training needs to go on as if it had never stopped."""

    epoch: int = 0
    step: int = 0
    seconds: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)
    arrays: dict[str, list[NDArray[Any]]] = field(default_factory=dict)


def save_state(path: Path, state: TrainingState, fingerprint: str) -> None:
    """Write ``state`` so that a kill at any moment leaves the old or the new one.

    ``fingerprint`` says what is being trained; another training cannot resume from it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    facts = {
        "fingerprint": fingerprint,
        "epoch": state.epoch,
        "step": state.step,
        "seconds": state.seconds,
        "history": state.history,
        "counts": {name: len(arrays) for name, arrays in state.arrays.items()},
    }
    flat = {f"{n}.{i}": a for n, arrays in state.arrays.items() for i, a in enumerate(arrays)}
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:
        np.savez(file, facts=np.frombuffer(orjson.dumps(facts), np.uint8), **flat)  # type: ignore[arg-type]
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def load_state(path: Path, fingerprint: str | None = None) -> TrainingState | None:
    """Return the state saved for ``fingerprint`` (None: for any), or None without a file.

    Raises:
        DataError: the file cannot be read, or holds another training; going on would overwrite
            it.
    """
    if not path.is_file():
        return None
    try:
        return _read_state(path, fingerprint)
    except (ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{path}: is no training's state: {error}") from error


def _read_state(path: Path, fingerprint: str | None) -> TrainingState:
    with path.open("rb") as file, np.load(file, allow_pickle=False) as saved:
        facts = orjson.loads(saved["facts"].tobytes())
        if fingerprint is not None and facts["fingerprint"] != fingerprint:
            raise DataError(
                f"{path}: holds another training (other recipe, seed or precision): remove it,"
                " or name another file with --state"
            )
        arrays = {
            name: [saved[f"{name}.{i}"] for i in range(count)]
            for name, count in facts["counts"].items()
        }
    return TrainingState(facts["epoch"], facts["step"], facts["seconds"], facts["history"], arrays)
