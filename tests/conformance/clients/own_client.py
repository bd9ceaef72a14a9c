"""The batch client itself: ``python -m client.request`` over the same pictures."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.conformance.checking import run_checks
from tests.conformance.images import Images


def check_batch(images: Images) -> None:
    """a folder of pictures into Results.csv"""
    score(images, str(images.url), {})


def check_key(images: Images) -> None:
    """the same with a key"""
    score(images, str(images.locked_url), {"SCORING_CLIENT__API_KEY": str(images.key)})


def score(images: Images, url: str, settings: dict[str, str]) -> None:
    folder = Path(str(images.files[0])).parent
    with TemporaryDirectory() as scratch:
        out = Path(scratch) / "Results.csv"
        done = subprocess.run(
            [
                *(sys.executable, "-m", "client.request", str(folder)),
                *("--server", url, "--out", str(out)),
            ],
            env={**os.environ, "SCORING_PROJECT": scratch, **settings},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        with out.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    images.check_percentages(
        [row["Item"] for row in rows], [float(row["Confidence %"]) for row in rows], most=99.99
    )


if __name__ == "__main__":
    sys.exit(run_checks("this project", [check_batch, check_key]))
