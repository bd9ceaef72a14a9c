"""The files of a bundle: a large whitening takes half the room, a network is kept once."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from fashion_model.bundle_files import share_backbone, write_head

NETWORK = b"a network"
DIGEST = hashlib.sha256(NETWORK).hexdigest()


@pytest.mark.parametrize(("features", "kind"), [(112, np.float32), (1_280, np.float16)])
def test_a_large_whitening_is_written_in_half_precision(
    tmp_path: Path, features: int, kind: type
) -> None:
    random = np.random.default_rng(0)
    kernel, bias = random.normal(size=(features, 3)), random.normal(size=3)
    whitening, means = random.normal(size=(features, features)), random.normal(size=(3, features))
    write_head(tmp_path / "shop", kernel, bias, whitening, means)
    with np.load(tmp_path / "shop" / "head.npz") as head:
        assert {name: array.dtype for name, array in head.items()} == {
            "kernel": np.float32,
            "bias": np.float32,
            "whitening": kind,
            "class_means": np.float32,
        }
        assert np.allclose(head["whitening"].astype(float), whitening, rtol=1e-3, atol=1e-6)
        assert np.array_equal(head["kernel"], kernel.astype(np.float32))


def test_two_bundles_share_one_file_of_their_network(tmp_path: Path) -> None:
    assert share_backbone(tmp_path / "models" / "shop", NETWORK) == DIGEST
    assert share_backbone(tmp_path / "models" / "hats", NETWORK) == DIGEST
    (path,) = (tmp_path / "models" / "backbones").iterdir()
    assert path.name == f"{DIGEST}.tflite"
    assert path.read_bytes() == NETWORK


def test_a_damaged_shared_file_is_mended(tmp_path: Path) -> None:
    path = tmp_path / "backbones" / f"{DIGEST}.tflite"
    path.parent.mkdir()
    path.write_bytes(b"half")
    share_backbone(tmp_path / "shop", NETWORK)
    assert path.read_bytes() == NETWORK
