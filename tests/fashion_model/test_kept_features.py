"""Features kept beside a bundle are what its network makes of the pictures, or are refused."""

import gzip
import shutil
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from fashion_model import keep_features
from fashion_model.calibrate import write_signature
from fashion_model.dataset.description import DataError
from fashion_model.dataset.people import Fold
from fashion_model.dataset.readers import LabelledImages
from fashion_model.dataset.split import Split, split_data
from fashion_model.kept_features import (
    CHOSEN_WITH,
    LEARNT,
    MEASURED,
    features_of_split,
    read_features,
    write_features,
)
from scoring.inference.bundle import FEATURES_FILE, Bundle, BundleHashMismatch, load_bundle
from scoring.inference.predictor import Predictor
from tests.conftest import BUNDLE, garment_pixels
from tests.fashion_model.idx_files import idx


def drawn(count: int, people: int = 0) -> LabelledImages:
    images = garment_pixels(count).reshape(count, 28, 28, 1)
    owners = np.arange(count) % people if people else None
    return LabelledImages(images, np.arange(count) % 10, owners)


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    """Return the default bundle without what training keeps beside it."""
    folder = tmp_path / "bundle"
    folder.mkdir()
    for name in ("model.tflite", "head.npz", "signature.json"):
        shutil.copy(BUNDLE / name, folder / name)
    return load_bundle(folder)


def sealed(bundle: Bundle, split: Split, learnt: int = 30) -> Bundle:
    """Return the bundle with the features of ``split`` beside it."""
    digest = write_features(features_of_split(bundle, split, learnt), bundle.folder)
    files = {**bundle.signature.files, FEATURES_FILE: digest}
    write_signature(bundle.folder, bundle.signature.renewed(files=files))
    return load_bundle(bundle.folder)


def test_they_are_what_the_network_makes_of_the_pictures(bundle: Bundle) -> None:
    split = split_data(drawn(300))
    kept = read_features(bundle.folder, sealed(bundle, split))
    predictor = Predictor(bundle)
    for part, images in ((CHOSEN_WITH, split.fit), (MEASURED, split.measure)):
        np.testing.assert_array_equal(kept.of(part).features, predictor.features(images.rows))
        np.testing.assert_array_equal(kept.of(part).labels, images.labels)
    predictor.close()
    assert len(kept.of(LEARNT)) == 30
    assert np.bincount(kept.of(LEARNT).labels).tolist() == [3] * 10
    assert kept.known_people is None


def test_they_take_less_than_a_byte_a_feature(bundle: Bundle) -> None:
    sealed(bundle, split_data(drawn(300)), 240)
    assert (bundle.folder / FEATURES_FILE).stat().st_size < 300 * 112


def test_who_is_known_stays_known(bundle: Bundle) -> None:
    split = split_data(drawn(300, people=30), Fold(1, 5))
    kept = read_features(bundle.folder, sealed(bundle, split))
    assert split.measure.people is not None
    np.testing.assert_array_equal(kept.of(MEASURED).people, split.measure.people)
    assert kept.known_people is not None


def test_the_same_held_out_pictures_are_known_again(bundle: Bundle) -> None:
    split = split_data(drawn(300))
    first, second = (features_of_split(bundle, split, learnt) for learnt in (10, 20))
    other = features_of_split(bundle, split_data(drawn(310)), 10)
    assert first.held_out == second.held_out != other.held_out


def test_a_bundle_without_them_says_what_to_do(bundle: Bundle) -> None:
    files = {n: digest for n, digest in bundle.signature.files.items() if n != FEATURES_FILE}
    without = replace(bundle, signature=bundle.signature.renewed(files=files))
    with pytest.raises(DataError, match=r"brings no features.npz.*fashion_model.keep_features"):
        read_features(bundle.folder, without)


def test_what_was_taught_is_taught_again(bundle: Bundle) -> None:
    files = {n: digest for n, digest in bundle.signature.files.items() if n != FEATURES_FILE}
    taught = replace(bundle, signature=bundle.signature.renewed(files=files, name="shop"))
    with pytest.raises(DataError, match=r"in its classes' folders.*fashion_model.teach again"):
        read_features(bundle.folder, taught)


@pytest.mark.parametrize("content", [None, b"", b"PK\3\4 torn"])
def test_damaged_ones_are_refused(bundle: Bundle, content: bytes | None) -> None:
    with_them = sealed(bundle, split_data(drawn(300)))
    path = bundle.folder / FEATURES_FILE
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=r"features.npz"):
        read_features(bundle.folder, with_them)


def test_serving_does_without_them_but_not_with_others(bundle: Bundle) -> None:
    sealed(bundle, split_data(drawn(300)))
    path = bundle.folder / FEATURES_FILE
    path.unlink()
    assert FEATURES_FILE in load_bundle(bundle.folder).signature.files
    path.write_bytes(b"other")
    with pytest.raises(BundleHashMismatch):
        load_bundle(bundle.folder)


def test_the_command_seals_them(
    bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    images = drawn(300)
    for kind, array in (("images-idx3", images.images[..., 0]), ("labels-idx1", images.labels)):
        content = gzip.compress(idx(array.astype(np.uint8)))
        (data / f"train-{kind}-ubyte.gz").write_bytes(content)
    options = ["--bundle", str(bundle.folder), "--data", str(data), "--learnt", "20"]
    assert keep_features.main(options) == 0
    after = load_bundle(bundle.folder)
    assert after.signature.version != bundle.signature.version
    assert f"version {after.signature.version}" in capsys.readouterr().out
    assert len(read_features(bundle.folder, after)) == 20 + 30 + 30
