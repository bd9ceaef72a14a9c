"""A run by hand with a server of its own, of a model that is asked for by name: real processes."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np

from scoring.protocol.errors import ExitCode
from scoring.protocol.signature import parse_signature
from scoring.settings import CODE_ROOT
from tests.deadlines import DEADLINE

DIGITS = CODE_ROOT / "models" / "digits"


def write_seven_and_one(folder: Path) -> None:
    """Write two digits that nobody would take for others, white on black."""
    folder.mkdir(parents=True)
    lines = {"1": [(14, 5), (14, 23)], "7": [(7, 6), (20, 6), (12, 23)]}
    for name, points in lines.items():
        image = np.zeros((28, 28), np.uint8)
        cv2.polylines(image, [np.array(points, np.int32)], False, 255, 2)
        cv2.imwrite(str(folder / f"{name}.png"), image)


def score(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "client.request", *arguments, "--start-server"],
        cwd=CODE_ROOT,
        env={**os.environ, "SCORING_SERVER__PORT": "0"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=DEADLINE,
        check=False,
    )


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_a_model_that_the_settings_do_not_serve_is_found_by_its_name(project: Path) -> None:
    write_seven_and_one(project / "image_batches" / "D")
    done = score("D", "--model", "digits")
    assert done.returncode == ExitCode.DONE, done.stderr
    results = rows(project / "Results.csv")
    assert {row["Image"]: row["Item"] for row in results} == {"1.png": "1", "7.png": "7"}
    labels = parse_signature((DIGITS / "signature.json").read_bytes()).labels
    assert {row["Second item"] for row in results} <= set(labels)
    assert not any(row["Error"] for row in results)
    assert (project / "logs" / "Metrics-log-digits.csv").exists()


def test_a_model_that_is_nowhere_is_a_wrong_command_that_names_those_there_are(
    project: Path,
) -> None:
    write_seven_and_one(project / "image_batches" / "D")
    done = score("D", "--model", "letters")
    assert done.returncode == ExitCode.USAGE
    assert "digits" in done.stderr
    assert not (project / "Results.csv").exists()
