"""Loading a bundle: the committed one loads, a damaged one is refused with the reason."""

import hashlib
import io
import shutil
import struct
import zlib
from pathlib import Path

import numpy as np
import orjson
import pytest
from ai_edge_litert.interpreter import Interpreter

from scoring.inference.bundle import (
    BundleError,
    BundleHashMismatch,
    BundleMissing,
    BundleSignatureError,
    BundleUnreadable,
    load_bundle,
)
from scoring.inference.predictor import Predictor
from scoring.protocol.errors import ScoringError
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
    reseal_file(folder, "head.npz")


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
@pytest.mark.parametrize(
    "shape", [(), (1,), (0, 0), (112,), (112, 10, 1), (11, 112), (0, 10), (10, 0)]
)
def test_refuses_a_head_of_another_shape(folder: Path, name: str, shape: tuple[int, ...]) -> None:
    spoil(folder, **{name: np.zeros(shape, np.float32)})
    with pytest.raises(BundleUnreadable, match=r"head\.npz: \w+ is float32\["):
        load_bundle(folder)


def test_refuses_a_head_for_other_features(folder: Path) -> None:
    bundle = load_bundle(folder)
    spoil(folder, kernel=bundle.head.kernel[:-1], whitening=bundle.head.whitening[:-1])
    with pytest.raises(BundleUnreadable, match=r"a row is float32\[112\], not float32\[111\]"):
        Predictor(load_bundle(folder))


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


def reseal_file(folder: Path, name: str) -> None:
    files = dict(parse_signature((folder / "signature.json").read_bytes()).files)
    reseal(folder, files={**files, name: sha256(folder / name)})


ARRAYS = ("kernel", "bias", "whitening", "class_means")


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("dtype", [np.float64, np.float16, np.int32, np.bool_, "U8", object])
def test_refuses_an_array_of_another_type(folder: Path, name: str, dtype: type) -> None:
    with np.load(folder / "head.npz") as arrays:
        array = arrays[name].astype(dtype)
    spoil(folder, **{name: array})
    with pytest.raises(BundleUnreadable, match=r"head\.npz: "):
        load_bundle(folder)


def deflated(size: int) -> bytes:
    """Return an archive of one array of so many zeros: some kilobytes."""
    file = io.BytesIO()
    np.savez_compressed(file, kernel=np.zeros(size, np.int8))
    return file.getvalue()


def one_array() -> bytes:
    file = io.BytesIO()
    np.save(file, np.zeros(10, np.float32))
    return file.getvalue()


NO_HEADS = {
    "nothing": b"",
    "text": b"kernel",
    "one array and no archive": one_array(),
    "an archive of nothing": zlib.compress(b""),
    "an archive of 100 MB": deflated(100_000_000),
    "a broken archive": deflated(1_000)[:-30],
}


@pytest.mark.parametrize("content", NO_HEADS.values(), ids=NO_HEADS)
def test_refuses_a_file_that_holds_no_arrays(folder: Path, content: bytes) -> None:
    (folder / "head.npz").write_bytes(content)
    reseal_file(folder, "head.npz")
    with pytest.raises(BundleUnreadable, match=r"head\.npz: not the head of a bundle"):
        load_bundle(folder)


def test_refuses_a_model_for_other_pictures(folder: Path) -> None:
    """Its layers would take any size, and give features of something else."""
    document = orjson.loads((folder / "signature.json").read_bytes())
    reseal(folder, input={**document["input"], "shape": [32, 32, 1]})
    with pytest.raises(
        BundleUnreadable, match=r"a row is uint8\[28, 28, 1\], not uint8\[32, 32, 1\]"
    ):
        Predictor(load_bundle(folder))


@pytest.mark.parametrize("scale", [np.nan, np.inf])
def test_refuses_a_model_whose_features_are_no_numbers(folder: Path, scale: float) -> None:
    """The scale of its last integer layer is written over; everything else fits."""
    content = (folder / "model.tflite").read_bytes()
    tensors = Interpreter(model_content=content).get_tensor_details()
    layers = [tensor for tensor in tensors if tensor["dtype"] is np.int8]
    written = struct.pack("<f", layers[-1]["quantization"][0])
    assert content.count(written) == 1
    (folder / "model.tflite").write_bytes(content.replace(written, struct.pack("<f", scale)))
    reseal_file(folder, "model.tflite")
    with pytest.raises(BundleUnreadable, match=r"model\.tflite: LiteRT cannot load it"):
        Predictor(load_bundle(folder))


def test_a_broken_bundle_is_one_of_the_errors_that_every_program_knows() -> None:
    assert issubclass(BundleError, ScoringError)
