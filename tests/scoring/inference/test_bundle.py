"""Loading a bundle: the committed one loads, a damaged one is refused with the reason."""

import hashlib
import io
import itertools
import os
import shutil
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from scoring.inference.bundle import (
    Backbones,
    Bundle,
    BundleError,
    BundleHashMismatch,
    BundleMissing,
    BundleSignatureError,
    BundleUnreadable,
    load_bundle,
)
from scoring.inference.head import ENERGY_WEIGHT, FloatHead, free_energy, root_features
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


@pytest.mark.parametrize("name", ["signature.json", "model.tflite", "head.npz"])
def test_refuses_a_missing_file(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(BundleMissing, match=f"{name}: the file is missing"):
        load_bundle(folder)


def test_the_reference_may_stay_at_home(folder: Path) -> None:
    assert load_bundle(folder).reference == folder / "model.keras"
    (folder / "model.keras").unlink()
    assert load_bundle(folder).reference is None
    assert load_bundle(folder).signature == load_bundle(COMMITTED).signature


def test_a_signature_need_not_know_of_a_reference(folder: Path) -> None:
    """What lies in the folder without its hash is nobody's reference."""
    files = dict(parse_signature((folder / "signature.json").read_bytes()).files)
    del files["model.keras"]
    reseal(folder, files=files)
    assert load_bundle(folder).reference is None


def test_any_other_file_that_the_signature_names_must_be_there(folder: Path) -> None:
    files = dict(parse_signature((folder / "signature.json").read_bytes()).files)
    reseal(folder, files={**files, "words.txt": "0" * 64})
    with pytest.raises(BundleMissing, match=r"words\.txt: the file is missing"):
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


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names")
@pytest.mark.parametrize("name", ["signature.json", "model.tflite", "model.keras", "head.npz"])
def test_refuses_a_pipe_without_waiting_for_it(folder: Path, name: str) -> None:
    (folder / name).unlink()
    os.mkfifo(folder / name)
    with pytest.raises(BundleUnreadable, match="is no regular file"):
        load_bundle(folder)


def test_refuses_a_signature_of_images_that_no_memory_holds(folder: Path) -> None:
    given = parse_signature((folder / "signature.json").read_bytes()).to_dict()["input"]
    reseal(folder, input={**given, "shape": [100_000, 100_000, 1]})
    with pytest.raises(BundleUnreadable, match=r"a row is uint8\[28, 28, 1\], not uint8\[100000"):
        Predictor(load_bundle(folder))


def reseal_file(folder: Path, name: str) -> None:
    files = dict(parse_signature((folder / "signature.json").read_bytes()).files)
    reseal(folder, files={**files, name: sha256(folder / name)})


ARRAYS = ("kernel", "bias", "whitening", "class_means")


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        *itertools.product(ARRAYS, [np.float64, np.int32, np.bool_, "U8", object]),
        *itertools.product(["kernel", "bias", "class_means"], [np.float16]),
    ],
)
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


def test_the_whitening_may_be_in_half_precision(folder: Path) -> None:
    before = load_bundle(folder)
    spoil(folder, whitening=before.head.whitening.astype(np.float16))
    after = load_bundle(folder)
    assert after.head.whitening.dtype == np.float16
    pixels = np.random.default_rng(0).integers(0, 256, (40, 784), np.uint8)
    whole, half = (scores(bundle, pixels) for bundle in (before, after))
    assert not np.array_equal(whole, half)
    assert np.allclose(whole, half, rtol=2e-3)


def test_strangeness_may_be_that_of_shares(folder: Path) -> None:
    before = load_bundle(folder)
    spoil(folder, relative=np.array(True))
    after = load_bundle(folder)
    features = np.random.default_rng(0).random((5, len(before.head.kernel)), np.float32)
    _, own = FloatHead(before.head).apply(features)
    logits, shared = FloatHead(after.head).apply(features)
    assert not np.allclose(own, shared)
    shares = features / features.sum(axis=1, keepdims=True)
    white = np.sqrt(shares).astype(np.float64) @ after.head.whitening
    away = ((white[:, None] - after.head.class_means) ** 2).sum(axis=2).min(axis=1)
    assert np.allclose(shared, away + ENERGY_WEIGHT * free_energy(logits), rtol=1e-4)


def test_how_much_a_network_sees_is_no_share() -> None:
    features = np.random.default_rng(0).random((3, 8))
    assert np.allclose(root_features(features * 100, True), root_features(features, True))
    assert np.allclose((root_features(features, True) ** 2).sum(axis=1), 1.0)
    assert not root_features(np.zeros((1, 8)), True).any()


@pytest.mark.parametrize("wrong", [np.array([True]), np.array(1), np.array("True")])
def test_refuses_another_word_for_relative(folder: Path, wrong: NDArray[Any]) -> None:
    spoil(folder, relative=wrong)
    with pytest.raises(BundleUnreadable, match=r"head\.npz: relative is not one bool"):
        load_bundle(folder)


def scores(bundle: Bundle, pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    predictor = Predictor(bundle, threads=1)
    seen = predictor.predict(pixels).outlier_score
    predictor.close()
    return seen


@pytest.fixture
def shelf(folder: Path) -> Path:
    """Return where the network of ``folder`` lies, which has no copy of its own any more."""
    digest = sha256(folder / "model.tflite")
    path = folder.parent / "backbones" / f"{digest}.tflite"
    path.parent.mkdir()
    (folder / "model.tflite").rename(path)
    return path


def test_a_network_may_lie_beside_the_folder_under_its_hash(folder: Path, shelf: Path) -> None:
    bundle = load_bundle(folder)
    assert bundle.model_file == shelf
    assert bundle.model == shelf.read_bytes()
    assert np.isfinite(scores(bundle, np.zeros((2, 784), np.uint8))).all()


@pytest.mark.usefixtures("shelf")
def test_it_is_found_from_within_the_folder_and_through_a_link(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = tmp_path / "away"
    away.mkdir()
    (away / "link").symlink_to(folder)
    assert load_bundle(away / "link").signature == load_bundle(folder).signature
    monkeypatch.chdir(folder)
    assert load_bundle(Path()).model == load_bundle(folder).model


def test_a_copy_of_its_own_stands_before_the_shared_one(folder: Path, shelf: Path) -> None:
    shutil.copy(shelf, folder / "model.tflite")
    assert load_bundle(folder).model_file == folder / "model.tflite"
    (folder / "model.tflite").write_bytes(b"another")
    with pytest.raises(BundleHashMismatch, match=r"bundle/model\.tflite: SHA-256 is "):
        load_bundle(folder)


def test_where_neither_is_there_both_places_are_told(folder: Path, shelf: Path) -> None:
    shelf.unlink()
    with pytest.raises(BundleMissing) as caught:
        load_bundle(folder)
    assert str(caught.value) == (
        f"{folder / 'model.tflite'}: the file is missing, and there is no {shelf} to share either"
    )


def test_refuses_a_shared_network_that_is_not_what_its_name_says(folder: Path, shelf: Path) -> None:
    shelf.write_bytes(shelf.read_bytes()[:-1])
    with pytest.raises(BundleHashMismatch, match=rf"{shelf.name}: SHA-256 is .* corrupt"):
        load_bundle(folder)


def test_refuses_the_folder_of_shared_networks(folder: Path, shelf: Path) -> None:
    for name in ("signature.json", "head.npz"):
        shutil.copy(folder / name, shelf.parent / name)
    with pytest.raises(BundleMissing, match=r"backbones: holds networks .* and is no bundle"):
        load_bundle(shelf.parent)


def test_bundles_with_the_same_network_have_it_in_memory_once(
    folder: Path, shelf: Path, tmp_path: Path
) -> None:
    """Whether they share the file or each has its own."""
    own, other = shutil.copytree(folder, tmp_path / "own"), tmp_path / "other"
    shutil.copy(shelf, own / "model.tflite")
    shutil.copytree(folder, other)
    backbones = Backbones()
    first, second, third = (load_bundle(each, backbones) for each in (folder, own, other))
    assert first.model is second.model is third.model
    assert [first.model_file, second.model_file] == [shelf, own / "model.tflite"]


def test_a_damaged_copy_is_refused_though_the_network_is_in_memory(
    folder: Path, shelf: Path, tmp_path: Path
) -> None:
    own, backbones = shutil.copytree(folder, tmp_path / "own"), Backbones()
    (own / "model.tflite").write_bytes(shelf.read_bytes()[:-1])
    load_bundle(folder, backbones)
    with pytest.raises(BundleHashMismatch, match=r"own/model\.tflite"):
        load_bundle(own, backbones)
