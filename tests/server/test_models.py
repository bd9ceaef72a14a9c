"""What is wrong with a bundle is told when the server loads it; bundles may share a network."""

import hashlib
import shutil
from pathlib import Path

import numpy as np
import orjson
import pytest

from fashion_model.bundle_files import share_backbone
from scoring.inference.bundle import load_bundle
from scoring.protocol.signature import dump_signature, seal
from server.__main__ import main
from server.models import load_models

ROOT = Path(__file__).parents[2]


def resealed(bundle: str, preprocessing: tuple[str, int], folder: Path) -> Path:
    """Return a copy of a bundle whose sealed signature names another preprocessing."""
    source = load_bundle(ROOT / bundle)
    document = orjson.loads((source.folder / "signature.json").read_bytes())
    (folder / "model.tflite").write_bytes(source.model)
    for name in document["files"]:
        # The network may lie beside the bundle, and the float32 reference stay at home.
        if (source.folder / name).exists():
            shutil.copyfile(source.folder / name, folder / name)
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


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """Return two bundles of one network, which lies beside them; neither has its reference."""
    folders = (tmp_path / "models" / "first", tmp_path / "models" / "second")
    for folder in folders:
        folder.mkdir(parents=True)
        document = orjson.loads((ROOT / "fashion_model" / "signature.json").read_bytes())
        shutil.copyfile(ROOT / "fashion_model" / "head.npz", folder / "head.npz")
        document["name"] = folder.name
        (folder / "signature.json").write_bytes(dump_signature(seal(document)))
    network = ROOT / "fashion_model" / "model.tflite"
    share_backbone(folders[0], network.read_bytes())
    return folders


def test_two_bundles_of_one_network_are_served(
    pair: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--check", "--model", str(pair[0]), "--model", str(pair[1])]) == 0
    told = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in told] == ["first", "second"]


def test_each_answers_with_its_own_head_and_the_network_is_there_once(
    pair: tuple[Path, Path],
) -> None:
    with np.load(pair[1] / "head.npz") as head:
        arrays = {name: array.copy() for name, array in head.items()}
    arrays["kernel"] = arrays["kernel"][:, ::-1].copy()
    arrays["bias"] = arrays["bias"][::-1].copy()
    np.savez(pair[1] / "head.npz", **arrays)
    document = orjson.loads((pair[1] / "signature.json").read_bytes())
    digest = hashlib.sha256((pair[1] / "head.npz").read_bytes()).hexdigest()
    document["files"]["head.npz"] = digest
    (pair[1] / "signature.json").write_bytes(dump_signature(seal(document)))
    models = load_models(pair, threads=1)
    pixels = np.random.default_rng(0).integers(0, 256, (20, 784), np.uint8)
    first, second = (models.find(name).predict(pixels) for name in ("first", "second"))
    assert np.allclose(first.probabilities, second.probabilities[:, ::-1])
    assert not np.array_equal(first.class_index, second.class_index)
    models.close()


def test_a_network_that_is_in_neither_place_is_told_with_both(
    pair: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    (shared,) = (pair[0].parent / "backbones").iterdir()
    shared.unlink()
    assert main(["--check", "--model", str(pair[0])]) == 1
    told = capsys.readouterr().err
    assert f"error: {pair[0] / 'model.tflite'}: the file is missing" in told
    assert f"there is no {shared} to share either" in told


def test_the_folder_of_shared_networks_is_no_model(
    pair: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--check", "--model", str(pair[0].parent / "backbones")]) == 1
    assert "and is no bundle; name a bundle's folder" in capsys.readouterr().err
