"""Reading training data: IDX, the Kaggle CSVs, class folders; broken files are told."""

import dataclasses
import gzip
import tempfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fashion_model.commands import decoder
from fashion_model.dataset.description import CATS_DOGS, FASHION, DataError
from fashion_model.dataset.readers import read_data, read_idx
from fashion_model.dataset.split import split_data
from scoring.protocol.signature import ColumnNames, InputSpec
from tests.fashion_model.idx_files import IMAGES, LABELS, idx, write_idx


@pytest.mark.parametrize("compress", [True, False])
def test_idx_files(tmp_path: Path, compress: bool) -> None:
    write_idx(tmp_path, "train", compress)
    data = read_data(tmp_path, FASHION)
    assert data.train is not None
    assert np.array_equal(data.train.images[:, :, :, 0], IMAGES)
    assert np.array_equal(data.train.labels, LABELS)
    assert data.test is None
    assert data.class_names == FASHION.labels


def test_the_test_split_stays_apart(tmp_path: Path) -> None:
    write_idx(tmp_path, "t10k")
    data = read_data(tmp_path, FASHION)
    assert data.train is None
    assert data.test is not None
    assert len(data.test) == 20


def test_kaggle_csv(tmp_path: Path) -> None:
    table = np.column_stack([LABELS, IMAGES.reshape(20, -1)])
    header = ",".join(["label", *(f"pixel{i}" for i in range(1, 785))])
    path = tmp_path / "fashion-mnist_train.csv"
    np.savetxt(path, table, "%d", delimiter=",", header=header, comments="")
    data = read_data(tmp_path, FASHION)
    assert data.train is not None
    assert np.array_equal(data.train.rows, IMAGES.reshape(20, -1))
    assert np.array_equal(data.train.labels, LABELS)


def test_class_folders(tmp_path: Path) -> None:
    for name, level in (("cats", 50), ("dogs", 200)):
        (tmp_path / name).mkdir()
        for number in range(3):
            picture = np.full((20, 30, 3), level, np.uint8)
            cv2.imwrite(str(tmp_path / name / f"{number}.png"), picture)
    data = read_data(tmp_path, CATS_DOGS, decode_square)
    assert data.class_names == ("cats", "dogs")
    assert data.train is not None
    assert data.train.images.shape == (6, 224, 224, 3)
    assert data.train.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert data.train.images[:, 0, 0, 0].tolist() == [50, 50, 50, 200, 200, 200]


def test_unreadable_pictures_are_named(tmp_path: Path) -> None:
    for name in ("cats", "dogs"):
        (tmp_path / name).mkdir()
        cv2.imwrite(str(tmp_path / name / "0.png"), np.zeros((20, 30, 3), np.uint8))
        (tmp_path / name / "1.png").write_bytes(b"")
    decode = decoder(CATS_DOGS)
    with pytest.raises(
        DataError, match=r"2 of 4 pictures cannot be read; .*cats.1\.png \(the file"
    ):
        read_data(tmp_path, CATS_DOGS, decode)


def test_class_folders_without_pictures_are_refused(tmp_path: Path) -> None:
    for name in ("cats", "dogs"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "._0.png").write_bytes(b"what a Mac leaves on a share")
    with pytest.raises(DataError, match="its class folders hold no pictures"):
        read_data(tmp_path, CATS_DOGS, decode_square)


def decode_square(content: bytes) -> NDArray[np.uint8]:
    picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return np.asarray(cv2.resize(picture, (224, 224)), np.uint8).reshape(-1)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not an IDX file"),
        (b"\x00\x00\x0d\x01" + bytes(8), "not an IDX file of unsigned bytes"),
        (b"\x00\x00\x08\xff" + bytes(9), "not an IDX file of unsigned bytes"),
        (b"\x00\x00\x08\x00" + bytes(9), "not an IDX file of unsigned bytes"),
        (gzip.compress(idx(IMAGES))[:40] + bytes(99), "images: "),
        (idx(IMAGES)[:-1], "its header says"),
        (idx(IMAGES) + b"\0", "its header says"),
        (gzip.compress(idx(IMAGES))[:-20], "end-of-stream"),
    ],
)
def test_refuses_a_broken_idx_file(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "images"
    path.write_bytes(content)
    with pytest.raises(DataError, match=reason):
        read_idx(path)


def test_refuses_images_without_labels(tmp_path: Path) -> None:
    write_idx(tmp_path, "train")
    (tmp_path / "train-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError, match=r"train-labels-idx1-ubyte\.gz is not"):
        read_data(tmp_path, FASHION)


def test_refuses_an_empty_or_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no IDX files, no \*_train.csv"):
        read_data(tmp_path, FASHION)
    with pytest.raises(DataError, match="there is no such data folder"):
        read_data(tmp_path / "nothing", FASHION)


def test_the_split_is_complete_and_always_the_same(tmp_path: Path) -> None:
    write_idx(tmp_path, "train")
    data = read_data(tmp_path, FASHION).train
    assert data is not None
    first, second = split_data(data), split_data(data)
    parts = [first.train, first.fit, first.measure]
    together = np.concatenate([part.rows for part in parts])
    assert sorted(map(bytes, together)) == sorted(map(bytes, data.rows))
    assert [len(part) for part in parts] == [16, 2, 2]
    assert np.array_equal(first.fit.images, second.fit.images)


TINY = dataclasses.replace(FASHION, input=InputSpec((2, 2, 1), "uint8", ColumnNames("pixel", 1)))
CELLS = st.sampled_from(
    ["0", "9", "10", "255", "256", "-1", "1.5", "nan", "1e999", "", " ", '"', "ß", "#"]
)
LINES = st.lists(CELLS, min_size=4, max_size=6).map(",".join)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(lines=st.lists(LINES, max_size=5), tail=st.binary(max_size=4))
def test_a_csv_is_read_or_refused(lines: list[str], tail: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "tiny_train.csv").write_bytes("\n".join(["head", *lines]).encode() + tail)
        try:
            data = read_data(Path(folder), TINY)
        except DataError:
            return
    assert data.train is not None
    assert data.train.images.shape == (len(data.train.labels), 2, 2, 1)
    assert set(data.train.labels) <= set(range(10))
