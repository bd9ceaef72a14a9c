"""Loading a bundle: the committed one loads, a damaged one is refused with the reason."""

import hashlib
import shutil
from pathlib import Path

import numpy as np
import orjson
import pytest

from scoring.inference.bundle import (
    BundleError,
    BundleHashMismatch,
    BundleMissing,
    BundleSignatureError,
    BundleUnreadable,
    load_bundle,
)
from scoring.inference.predictor import Predictor
from scoring.protocol.signature import dump_signature, parse_signature, seal

COMMITTED = Path(__file__).parents[3] / "fashion_model"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a copy of the committed bundle that a test may damage."""
    copied = tmp_path / "bundle"
    copied.mkdir()
    for name in ("signature.json", "model.tflite", "model.keras", "head.npz"):
        shutil.copy(COMMITTED / name, copied / name)
    return copied


def reseal(folder: Path, **changes: object) -> None:
    """Give a changed bundle a signature that fits it, as a careful forger would."""
    path = folder / "signature.json"
    document = {**orjson.loads(path.read_bytes()), **changes}
    path.write_bytes(dump_signature(seal(document)))


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_committed_bundle_loads() -> None:
    bundle = load_bundle(COMMITTED)
    assert bundle.signature.name == "fashion"
    assert len(bundle.signature.labels) == 10
    assert bundle.signature.input.shape == (28, 28, 1)
    assert len(bundle.model) <= 1_000_000


def test_refuses_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(BundleMissing, match="there is no such model folder"):
        load_bundle(tmp_path / "nothing")


@pytest.mark.parametrize("name", ["signature.json", "model.tflite", "model.keras", "head.npz"])
def test_refuses_a_missing_file(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(BundleMissing, match=f"{name}: the file is missing"):
        load_bundle(folder)


@pytest.mark.parametrize("name", ["model.tflite", "model.keras", "head.npz"])
def test_refuses_a_flipped_bit(folder: Path, name: str) -> None:
    path = folder / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(BundleHashMismatch, match=f"{name}: SHA-256 is .* the signature says"):
        load_bundle(folder)


def test_refuses_a_swapped_file(folder: Path) -> None:
    shutil.copy(folder / "model.keras", folder / "model.tflite")
    with pytest.raises(BundleHashMismatch, match="belongs to another model"):
        load_bundle(folder)


def test_refuses_a_changed_signature(folder: Path) -> None:
    path = folder / "signature.json"
    path.write_bytes(path.read_bytes().replace(b"Trouser", b"Dungarees"))
    with pytest.raises(BundleSignatureError, match="is not that of its content"):
        load_bundle(folder)


def test_refuses_a_signature_that_names_no_model(folder: Path) -> None:
    files = dict(parse_signature((folder / "signature.json").read_bytes()).files)
    del files["model.tflite"]
    reseal(folder, files=files)
    with pytest.raises(BundleSignatureError, match=r"files does not name model\.tflite"):
        load_bundle(folder)


def test_refuses_a_head_that_is_none(folder: Path) -> None:
    np.savez(folder / "head.npz", kernel=np.zeros((4, 10), np.float32))
    files = dict(parse_signature((folder / "signature.json").read_bytes()).files)
    reseal(folder, files={**files, "head.npz": sha256(folder / "head.npz")})
    with pytest.raises(BundleUnreadable, match=r"head\.npz: not the head of a bundle"):
        load_bundle(folder)


def spoil(folder: Path, **arrays: object) -> None:
    """Put other arrays into the head, and sign it."""
    with np.load(folder / "head.npz") as head:
        kept = dict(head)
    np.savez(folder / "head.npz", **{**kept, **arrays})
    files = dict(parse_signature((folder / "signature.json").read_bytes()).files)
    reseal(folder, files={**files, "head.npz": sha256(folder / "head.npz")})


@pytest.mark.parametrize("name", ["kernel", "bias", "whitening", "class_means"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_refuses_a_head_that_is_not_finite(folder: Path, name: str, value: float) -> None:
    with np.load(folder / "head.npz") as head:
        array = head[name].copy()
    array.reshape(-1)[-1] = value
    spoil(folder, **{name: array})
    with pytest.raises(BundleUnreadable, match=rf"head\.npz: {name} holds NaN or infinity"):
        load_bundle(folder)


@pytest.mark.parametrize("name", ["kernel", "bias", "whitening", "class_means"])
@pytest.mark.parametrize("shape", [(), (1,), (0, 0), (112,), (112, 10, 1), (11, 112)])
def test_refuses_a_head_of_another_shape(folder: Path, name: str, shape: tuple[int, ...]) -> None:
    spoil(folder, **{name: np.zeros(shape, np.float32)})
    with pytest.raises(BundleUnreadable, match=r"head\.npz: \w+ is float32\["):
        load_bundle(folder)


def test_refuses_a_head_for_other_features(folder: Path) -> None:
    bundle = load_bundle(folder)
    spoil(folder, kernel=bundle.head.kernel[:-1], whitening=bundle.head.whitening[:-1])
    with pytest.raises(BundleUnreadable, match=r"model\.tflite: gives \[16, 112\] features, the"):
        Predictor(load_bundle(folder))


@pytest.mark.parametrize("kind", ["one array", "text", "empty"])
def test_refuses_a_head_that_is_no_archive(folder: Path, kind: str) -> None:
    path = folder / "head.npz"
    path.write_bytes(b"" if kind == "empty" else b"text")
    if kind == "one array":
        with path.open("wb") as file:
            np.save(file, np.zeros(3))
    files = dict(parse_signature((folder / "signature.json").read_bytes()).files)
    reseal(folder, files={**files, "head.npz": sha256(path)})
    with pytest.raises(BundleUnreadable, match=r"head\.npz: not the head of a bundle"):
        load_bundle(folder)


def test_refuses_a_head_for_other_labels(folder: Path) -> None:
    signature = orjson.loads((folder / "signature.json").read_bytes())
    reference = {**signature["reference"], "class_shares": [0.1] * 11}
    reseal(folder, labels=[*signature["labels"], "Hat"], reference=reference)
    with pytest.raises(BundleUnreadable, match=r"head\.npz: kernel is float32"):
        load_bundle(folder)


def test_refuses_a_model_that_litert_cannot_read(folder: Path) -> None:
    (folder / "model.tflite").write_bytes(b"not a flatbuffer")
    files = dict(parse_signature((folder / "signature.json").read_bytes()).files)
    reseal(folder, files={**files, "model.tflite": sha256(folder / "model.tflite")})
    with pytest.raises(BundleError, match=r"model\.tflite: LiteRT cannot load it"):
        Predictor(load_bundle(folder))
