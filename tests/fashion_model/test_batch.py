"""Batches of real pictures."""

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from fashion_model import batch
from fashion_model.dataset.description import FASHION
from scoring.protocol.errors import ExitCode
from tests.fashion_model.idx_files import IMAGES, LABELS, write_idx


def written(out: Path) -> list[tuple[bytes, str]]:
    with out.with_name(f"{out.name}.labels.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    pictures = [cv2.imread(str(out / row["Image"]), cv2.IMREAD_UNCHANGED) for row in rows]
    assert len(list(out.iterdir())) == len(rows)
    return [
        (np.asarray(picture).tobytes(), row["Label"])
        for picture, row in zip(pictures, rows, strict=True)
    ]


def test_training_pictures_come_with_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_idx(tmp_path, "train")
    code = batch.main(["--data", str(tmp_path), "--count", "20", "--out", str(tmp_path / "G2")])
    assert code == 0
    assert "the model has seen them" in " ".join(capsys.readouterr().err.split())
    truth = {image.tobytes(): FASHION.labels[k] for image, k in zip(IMAGES, LABELS, strict=True)}
    assert dict(written(tmp_path / "G2")) == truth


def test_test_pictures_come_without(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_idx(tmp_path, "train")
    write_idx(tmp_path, "t10k")
    assert batch.main(["--data", str(tmp_path), "--count", "5", "--out", str(tmp_path / "G")]) == 0
    assert "warning" not in capsys.readouterr().err
    assert len(written(tmp_path / "G")) == 5


def test_nothing_is_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_idx(tmp_path, "train")
    assert (
        batch.main(["--data", str(tmp_path), "--count", "5", "--out", str(tmp_path)])
        == ExitCode.USAGE
    )
    assert "is there already" in capsys.readouterr().err


def test_more_than_there_is_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_idx(tmp_path, "train")
    assert (
        batch.main(["--data", str(tmp_path), "--count", "21", "--out", str(tmp_path / "G")])
        == ExitCode.USAGE
    )
    assert "there are 20 pictures, not 21" in capsys.readouterr().err
