"""Pictures that only a model for photographs was made for, and a stand-in for such a model."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np

from scoring.protocol.signature import dump_signature, parse_signature
from scoring.settings import CODE_ROOT

MODELS = CODE_ROOT / "models"


def write_photographs(folder: Path, count: int, seed: int = 0) -> None:
    """Write ``count`` JPEGs IMG_1.jpg … of something on a floor that is neither light nor dark."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    for number in range(1, count + 1):
        grain = random.integers(90, 165, size=(40, 30, 3), dtype=np.uint8)
        floor = cv2.resize(grain, (120, 160), interpolation=cv2.INTER_LINEAR)
        left, top = (int(side) for side in random.integers(20, 40, size=2))
        cv2.rectangle(floor, (left, top), (left + 60, top + 80), (30, 40, 200), -1)
        cv2.imwrite(str(folder / f"IMG_{number}.jpg"), floor)


def clothing_stand_in(
    models: Path, name: str = "clothing", labels: tuple[str, ...] = ("dress", "shirt")
) -> Path:
    """Make a bundle for photographs that claims to know garments; return its folder."""
    folder = models / name
    shutil.copytree(MODELS / "cats_dogs", folder)
    if (MODELS / "backbones").is_dir():
        shutil.copytree(MODELS / "backbones", models / "backbones", dirs_exist_ok=True)
    file = folder / "signature.json"
    signature = parse_signature(file.read_bytes()).renewed(name=name, labels=labels)
    file.write_bytes(dump_signature(signature))
    return folder
