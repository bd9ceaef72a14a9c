"""A model's reference is read as it was written, and nothing else is taken for one."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from numpy.typing import NDArray

from scoring.protocol.reference import KINDS, MOST_INFLATED, BadReference, Reference

CLASSES = 7


def made_up(images: int, seed: int = 0) -> Reference:
    random = np.random.default_rng(seed)
    numbers = {name: random.random(images, np.float32) for name in KINDS}
    codes = {n: random.integers(0, CLASSES, images) for n in ("truth", "predicted", "second")}
    others = {"group": np.arange(images), "flagged": random.random(images) < 0.2}
    outlier_score = {"outlier_score": random.normal(0, 1e3, images)}
    arrays: dict[str, NDArray[Any]] = {**numbers, **codes, **others, **outlier_score}
    return Reference(**{name: arrays[name].astype(kind) for name, kind in KINDS.items()})


def rewritten(reference: Reference, **others: object) -> bytes:
    """Return it with some arrays changed, or left out where they are None."""
    arrays: dict[str, Any] = {name: getattr(reference, name) for name in KINDS} | others
    file = io.BytesIO()
    np.savez_compressed(file, **{n: a for n, a in arrays.items() if a is not None})
    return file.getvalue()


@given(images=st.integers(1, 300), seed=st.integers(0, 9))
def test_it_is_read_as_it_was_written(images: int, seed: int) -> None:
    reference = made_up(images, seed)
    content = reference.to_bytes()
    assert content == reference.to_bytes()
    read = Reference.from_bytes(content, CLASSES)
    assert len(read) == images
    for name, kind in KINDS.items():
        assert getattr(read, name).dtype == kind
        np.testing.assert_array_equal(getattr(read, name), getattr(reference, name))
    np.testing.assert_array_equal(read.right, read.truth == read.predicted)
    few = read.take(np.arange(0, images, 2))
    np.testing.assert_array_equal(few.group, reference.group[::2])


@given(st.binary(max_size=200))
def test_other_bytes_are_none(content: bytes) -> None:
    with pytest.raises(BadReference):
        Reference.from_bytes(content, CLASSES)


@given(st.integers(0, 10**6), st.integers(0, 255))
def test_damaged_bytes_are_none_or_well_formed(where: int, value: int) -> None:
    content = bytearray(made_up(20).to_bytes())
    content[where % len(content)] = value
    try:
        assert len(Reference.from_bytes(bytes(content), CLASSES)) == 20
    except BadReference:
        return


@pytest.mark.parametrize(
    ("others", "said"),
    [
        ({"truth": None}, "truth"),
        ({"confidence": np.full(20, 1.5, np.float32)}, "confidence has values"),
        ({"contrast": np.full(20, np.nan, np.float32)}, "contrast has values"),
        ({"outlier_score": np.full(20, np.inf, np.float32)}, "outlier_score has values"),
        ({"predicted": np.full(20, CLASSES, np.uint16)}, "labels do not have"),
        ({"group": np.zeros(19, np.uint32)}, "group is uint32"),
        ({"flagged": np.zeros(20, np.uint8)}, "flagged is uint8"),
        ({"truth": np.array([b"x"] * 20, object)}, "not a model's reference"),
        ({"truth": np.zeros(MOST_INFLATED, np.uint16)}, "its arrays take"),
    ],
)
def test_what_a_model_cannot_have_said_is_refused(others: dict[str, object], said: str) -> None:
    with pytest.raises(BadReference, match=said):
        Reference.from_bytes(rewritten(made_up(20), **others), CLASSES)


def test_none_of_no_images() -> None:
    with pytest.raises(BadReference):
        Reference.from_bytes(made_up(0).to_bytes(), CLASSES)


def test_a_large_one_is_small_enough_to_travel() -> None:
    assert len(made_up(4_000).to_bytes()) < 150_000
    with pytest.raises(BadReference, match="bytes, more than"):
        Reference.from_bytes(b"P" * 4_000_001, CLASSES)
    assert replace(made_up(3), flagged=np.array([True] * 3)).flagged.all()
