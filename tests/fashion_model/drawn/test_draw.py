import csv
import subprocess
import sys
from collections import Counter
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from fashion_model.drawn.draw import CLASSES, LIGHT, draw_batch, main

ROOT = Path(__file__).parents[3]

pytestmark = pytest.mark.slow


def test_the_same_seed_draws_the_same_files() -> None:
    assert list(draw_batch(seed=3, count=4, studio=LIGHT)) == list(
        draw_batch(seed=3, count=4, studio=LIGHT)
    )
    assert next(iter(draw_batch(3, 1, LIGHT))).data != next(iter(draw_batch(4, 1, LIGHT))).data


def test_the_classes_take_turns_and_every_file_decodes() -> None:
    pictures = list(draw_batch(seed=5, count=20, studio=LIGHT))
    assert Counter(picture.label for picture in pictures) == dict.fromkeys(CLASSES, 2)
    assert len({picture.name for picture in pictures}) == 20
    for picture in pictures:
        pixels = cv2.imdecode(np.frombuffer(picture.data, np.uint8), cv2.IMREAD_COLOR)
        assert pixels is not None
        assert max(pixels.shape) >= 200


def test_the_command_writes_a_folder_and_its_labels(tmp_path: Path) -> None:
    main(["--seed", "7", "--count", "3", "--out", str(tmp_path / "G7")])
    with (tmp_path / "G7.labels.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["Image"] for row in rows] == sorted(p.name for p in (tmp_path / "G7").iterdir())
    assert {row["Label"] for row in rows} <= set(CLASSES)


@pytest.mark.parametrize("module", ["tensorflow", "ai_edge_litert", "scoring.inference"])
def test_the_script_consults_no_model(module: str) -> None:
    code = f"import sys, fashion_model.drawn.draw; raise SystemExit({module!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_the_committed_batch_is_whole() -> None:
    folder = ROOT / "image_batches" / "G1"
    with (ROOT / "image_batches" / "G1.labels.csv").open(encoding="utf-8", newline="") as file:
        labels = {row["Image"]: row["Label"] for row in csv.DictReader(file)}
    assert {p.name for p in folder.iterdir()} == set(labels)
    assert Counter(labels.values()) == dict.fromkeys(CLASSES, 10)
    assert sum(p.stat().st_size for p in folder.iterdir()) < 3_000_000


def test_the_committed_batch_can_be_drawn_again_byte_for_byte() -> None:
    drawn = list(islice(draw_batch(seed=1, count=100, studio=LIGHT), 12))
    for picture in drawn:
        committed = ROOT / "image_batches" / "G1" / picture.name
        assert committed.read_bytes() == picture.data, picture.name


@pytest.mark.parametrize("flags", [["--count", "0"], ["--seed", "-1"], []])
def test_a_wrong_flag_draws_nothing(flags: list[str], tmp_path: Path) -> None:
    out = tmp_path if not flags else tmp_path / "G2"
    with pytest.raises(SystemExit) as ended:
        main(["--out", str(out), *flags])
    assert ended.value.code == 2
    assert list(tmp_path.iterdir()) == []
