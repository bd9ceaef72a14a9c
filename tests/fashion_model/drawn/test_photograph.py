"""The rendered photographs: what they are, and that a model for product pictures knows them not."""

from __future__ import annotations

import csv
import tomllib
from collections import Counter
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from fashion_model.drawn.clutter import strew
from fashion_model.drawn.floors import FLOORS, Floor
from fashion_model.drawn.photograph import GARMENTS, HEIGHT, WIDTH, main, render_batch
from scoring.preprocessing.decode import DecodeLimits
from scoring.preprocessing.pixels import UNCONTROLLED_BACKGROUND
from scoring.preprocessing.registry import find
from scoring.protocol.signature import parse_signature
from scoring.settings import CODE_ROOT

P1 = CODE_ROOT / "image_batches" / "P1"
LIMITS = DecodeLimits(max_pixels=10_000_000, max_bytes=10_000_000)
CLOTHING = CODE_ROOT / "models" / "clothing"


def truth() -> dict[str, str]:
    with P1.with_name("P1.labels.csv").open(encoding="utf-8", newline="") as file:
        return {row["Image"]: row["Label"] for row in csv.DictReader(file)}


def decoded(data: bytes) -> NDArray[np.int64]:
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    return pixels.astype(np.int64)


def test_the_committed_batch_is_whole_and_small() -> None:
    labels = truth()
    assert {path.name for path in P1.iterdir()} == set(labels)
    assert Counter(labels.values()) == Counter(label for label, _ in GARMENTS * 3)
    assert sum(path.stat().st_size for path in P1.iterdir()) < 1_000_000
    for path in P1.iterdir():
        assert decoded(path.read_bytes()).shape == (HEIGHT, WIDTH, 3)


@pytest.mark.slow
def test_the_committed_batch_can_be_rendered_again() -> None:
    labels = truth()
    for picture in islice(render_batch(seed=1, count=24), 1):
        assert labels[picture.name] == picture.label
        # Another processor may round a pixel otherwise, and JPEG has it spread a little.
        away = decoded(picture.data) - decoded((P1 / picture.name).read_bytes())
        assert np.abs(away).mean() < 0.5, picture.name


def test_a_model_for_product_pictures_cannot_judge_them() -> None:
    signature = parse_signature((CODE_ROOT / "fashion_model" / "signature.json").read_bytes())
    preprocess = find(signature.preprocessing.name, signature.preprocessing.version)
    reviews = [
        preprocess(path.read_bytes(), signature.input.shape, LIMITS).review for path in P1.iterdir()
    ]
    assert reviews.count(UNCONTROLLED_BACKGROUND) > len(reviews) / 3


@pytest.mark.slow
def test_the_command_writes_a_folder_and_its_labels(tmp_path: Path) -> None:
    main(["--seed", "7", "--count", "1", "--out", str(tmp_path / "P7")])
    with (tmp_path / "P7.labels.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["Image"] for row in rows] == [path.name for path in (tmp_path / "P7").iterdir()]
    assert {row["Label"] for row in rows} <= {label for label, _ in GARMENTS}


@pytest.mark.parametrize("floor", FLOORS)
def test_no_floor_is_plain_and_each_seed_has_its_own(floor: Floor) -> None:
    one, again, other = (floor(300, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one, again)
    assert np.abs(one - other).mean() > 1
    assert one.shape == (300, 300, 3)
    assert 0 <= one.min() <= one.max() <= 255
    assert one.std(axis=(0, 1)).min() > 2


def test_things_lie_at_the_edge() -> None:
    bare = np.full((800, 800, 3), 128, np.float32)
    strewn = bare.copy()
    strew(strewn, np.random.default_rng(1))
    assert np.abs(strewn - bare).max() > 20
    assert np.array_equal(strewn[390:410, 390:410], bare[390:410, 390:410])


@pytest.mark.parametrize("flags", [["--count", "0"], ["--seed", "-1"], []])
def test_a_wrong_flag_renders_nothing(flags: list[str], tmp_path: Path) -> None:
    out = tmp_path if not flags else tmp_path / "P2"
    with pytest.raises(SystemExit) as ended:
        main(["--out", str(out), *flags])
    assert ended.value.code == 2
    assert list(tmp_path.iterdir()) == []


def test_the_model_for_clothes_scores_them_as_soon_as_there_is_one() -> None:
    settings = tomllib.loads((CODE_ROOT / "settings.toml").read_text(encoding="utf-8"))
    model = settings["batches"].get("P1", {}).get("model")
    assert model == ("clothing" if CLOTHING.is_dir() else None)
    if model:
        labels = parse_signature((CLOTHING / "signature.json").read_bytes()).labels
        assert set(truth().values()) <= set(labels)
