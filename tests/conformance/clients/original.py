"""The first version's client, in grey and 28 by 28 pixels: ``tests/data/original_client.py``."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2

from scoring.settings import CODE_ROOT
from tests.conformance.checking import run_checks
from tests.conformance.images import Images

SCRIPT = CODE_ROOT / "tests" / "data" / "original_client.py"


def check_script(images: Images) -> None:
    """a folder of grey pictures into Results.csv"""
    with TemporaryDirectory() as scratch:
        for number, pixels in enumerate(images.pixels):
            cv2.imwrite(str(Path(scratch, f"{number:03}.png")), pixels.reshape(28, 28))
        with TemporaryDirectory() as desk:
            command = [sys.executable, str(SCRIPT), scratch, str(images.url)]
            subprocess.run(command, cwd=desk, check=True)
            with Path(desk, "Results.csv").open(encoding="utf-8", newline="") as file:
                rows = list(csv.DictReader(file))
    images.check_percentages(
        [row["Item"] for row in rows], [float(row["Accuracy"]) for row in rows]
    )


if __name__ == "__main__":
    sys.exit(run_checks("as described", [check_script]))
