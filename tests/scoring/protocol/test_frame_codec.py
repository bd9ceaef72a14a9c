from __future__ import annotations

import base64
import time
import zlib
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.protocol.errors import ApiError, BadRequest, InvalidPixels, TooLarge
from scoring.protocol.frame_codec import (
    LARGEST_ID,
    SMALLEST_ID,
    decode_base64,
    decode_block,
    encode_block,
)

WIDTH = 12


@given(
    rows=st.integers(0, 40),
    seed=st.integers(0, 1000),
    compression=st.sampled_from([None, "zlib"]),
    start=st.integers(-5, 10**6),
)
def test_what_is_encoded_is_decoded(
    rows: int, seed: int, compression: Literal["zlib"] | None, start: int
) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (rows, WIDTH), dtype=np.uint8)
    block = encode_block(range(start, start + rows), pixels, compression)
    ids, decoded = decode_block(block, WIDTH, max_rows=40)
    assert list(ids) == list(range(start, start + rows))
    assert np.array_equal(decoded, pixels)


@given(ids=st.lists(st.one_of(st.text(), st.integers(SMALLEST_ID, LARGEST_ID)), max_size=10))
def test_ids_of_any_kind_come_back_as_they_were(ids: list[int | str]) -> None:
    block = encode_block(ids, np.zeros((len(ids), WIDTH), dtype=np.uint8), None)
    decoded, _ = decode_block(block, WIDTH, max_rows=10)
    assert list(decoded) == ids


def block(**changes: Any) -> dict[str, Any]:
    return {**encode_block(range(2), np.zeros((2, WIDTH), np.uint8), None), **changes}


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"dtype": "float32"}, BadRequest),
        ({"shape": None}, BadRequest),
        ({"shape": []}, BadRequest),
        ({"shape": [True, WIDTH]}, BadRequest),
        ({"shape": [-1, WIDTH]}, BadRequest),
        ({"shape": [2]}, InvalidPixels),
        ({"shape": [2, 5]}, InvalidPixels),
        ({"shape": [3, WIDTH]}, InvalidPixels),
        ({"shape": [10**12, WIDTH]}, TooLarge),
        ({"shape": [2, 3, 2, 2, 1]}, InvalidPixels),
        ({"shape": [2, WIDTH, 1.0]}, BadRequest),
        ({"shape": [2, "12"]}, BadRequest),
        ({"shape": [2, [WIDTH]]}, BadRequest),
        ({"shape": "[2, 12]"}, BadRequest),
        ({"shape": [2, *[2**64 - 1] * 3]}, InvalidPixels),
        ({"shape": [2, 2**63, 2, WIDTH]}, InvalidPixels),
        ({"shape": [1] + [2**63 - 1] * 100_000}, InvalidPixels),
        ({"shape": [0] * 100_000}, InvalidPixels),
        ({"data": "A" * 10**6}, InvalidPixels),
        ({"index": ["x" * 1001, 2]}, BadRequest),
        ({"index": [None, 2]}, BadRequest),
        ({"index": [[1], 2]}, BadRequest),
        ({"index": [1] * 10**5}, InvalidPixels),
        ({"index": {"start": -(2**63), "stop": 2**64 - 1}}, InvalidPixels),
        ({"index": {"start": 0, "stop": 2, "step": 1}}, BadRequest),
        ({"data": "not base64!"}, BadRequest),
        ({"data": 7}, BadRequest),
        ({"data": base64.b64encode(b"x").decode()}, InvalidPixels),
        ({"compression": "gzip"}, BadRequest),
        ({"compression": "zlib"}, BadRequest),
        ({"index": [1]}, InvalidPixels),
        ({"index": [1, 2.5]}, BadRequest),
        ({"index": [1, 2**64]}, BadRequest),
        ({"index": [-(2**63) - 1, 1]}, BadRequest),
        ({"index": {"start": 2.0**64, "stop": 2.0**64 + 2}}, BadRequest),
        ({"index": {"start": 0, "stop": 9}}, InvalidPixels),
        ({"index": {"start": 0, "stop": True}}, BadRequest),
        ({"index": "0-2"}, BadRequest),
    ],
)
def test_a_wrong_block_is_refused(changes: dict[str, Any], error: type[ApiError]) -> None:
    with pytest.raises(error):
        decode_block(block(**changes), WIDTH, max_rows=40)


@pytest.mark.parametrize(
    "text", ["AAAA\nAAAA", "_-_-", "AA", "data:image/png;base64,AAAA", " AAAA", "Ä"]
)
def test_how_base64_should_be_is_told(text: str) -> None:
    """What other programs' functions, `base64 FILE` and browsers (readAsDataURL) write."""
    with pytest.raises(BadRequest, match=r"picture is not base64: .* without line breaks .*data:"):
        decode_base64(text, "picture")


def test_a_shape_may_name_height_width_and_channels() -> None:
    ids, pixels = decode_block(block(shape=[2, 3, 4, 1]), WIDTH, max_rows=40)
    assert (list(ids), pixels.shape) == ([0, 1], (2, WIDTH))


def test_an_id_may_be_there_twice() -> None:
    ids, _ = decode_block(block(index=["a", "a"]), WIDTH, max_rows=40)
    assert list(ids) == ["a", "a"]


@pytest.mark.parametrize("behind", [b"\0", b"more", zlib.compress(b"another stream")])
def test_bytes_behind_the_zlib_stream_are_refused(behind: bytes) -> None:
    packed = zlib.compress(bytes(2 * WIDTH))
    data = base64.b64encode(packed + behind).decode()
    with pytest.raises(BadRequest):
        decode_block(block(data=data, compression="zlib"), WIDTH, max_rows=40)


def test_a_huge_shape_costs_nothing() -> None:
    sides = [1] + [2**63 - 1] * 1_000_000
    started = time.process_time()
    with pytest.raises(InvalidPixels) as caught:
        decode_block(block(shape=sides), WIDTH, max_rows=40)
    assert time.process_time() - started < 0.5
    assert len(caught.value.message) < 200


def test_a_bomb_is_inflated_no_further_than_its_shape_allows() -> None:
    bomb = base64.b64encode(zlib.compress(bytes(50_000), 9)).decode()
    with pytest.raises(InvalidPixels, match=f"{2 * WIDTH + 1} bytes"):
        decode_block(block(data=bomb, compression="zlib"), WIDTH, max_rows=40)


@pytest.mark.slow
@given(
    document=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    ),
    key=st.sampled_from(["index", "dtype", "shape", "compression", "data"]),
)
def test_nothing_but_typed_errors_comes_out(document: Any, key: str) -> None:
    try:
        ids, pixels = decode_block(block(**{key: document}), WIDTH, max_rows=40)
    except ApiError:
        return
    assert len(ids) == len(pixels)
