"""A bundle whose preprocessing makes other images than its model takes is refused when loaded."""

import shutil
from pathlib import Path

import orjson
import pytest

from scoring.protocol.signature import dump_signature, seal
from server.__main__ import main

ROOT = Path(__file__).parents[2]


def resealed(bundle: str, preprocessing: tuple[str, int], folder: Path) -> Path:
    """Return a copy of a bundle whose sealed signature names another preprocessing."""
    document = orjson.loads((ROOT / bundle / "signature.json").read_bytes())
    for name in document["files"]:
        shutil.copyfile(ROOT / bundle / name, folder / name)
    document["preprocessing"] = dict(zip(("name", "version"), preprocessing, strict=True))
    (folder / "signature.json").write_bytes(dump_signature(seal(document)))
    return folder


@pytest.mark.parametrize(
    ("bundle", "preprocessing"),
    [
        ("fashion_model", ("photo", 1)),
        ("models/digits", ("photo", 1)),
        ("models/cats_dogs", ("garment", 1)),
        ("models/cats_dogs", ("garment", 2)),
        ("models/cats_dogs", ("digit", 1)),
    ],
)
def test_a_wrong_pair_is_refused(
    bundle: str,
    preprocessing: tuple[str, int],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = resealed(bundle, preprocessing, tmp_path)
    assert main(["--check", "--model", str(folder)]) == 1
    told = capsys.readouterr().err
    name, version = preprocessing
    assert f"error: {folder}: preprocessing {name} {version} does not fit this model: " in told


@pytest.mark.parametrize(
    ("bundle", "preprocessing"),
    [
        ("fashion_model", ("garment", 1)),
        ("fashion_model", ("digit", 1)),
        ("models/digits", ("garment", 2)),
        ("models/cats_dogs", ("photo", 1)),
    ],
)
def test_a_right_pair_is_loaded(
    bundle: str,
    preprocessing: tuple[str, int],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--check", "--model", str(resealed(bundle, preprocessing, tmp_path))]) == 0
    assert capsys.readouterr().out
