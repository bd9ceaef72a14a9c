from __future__ import annotations

import json
import sys
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scoring.protocol.json_shape import json_shape, parsed_bytes, without_block

# What could be taken for nesting, for the end of a string or for a block of pixels, often.
TEXTS = st.sampled_from(["data", '"data', 'x"data":"', "data\\"]) | st.text(
    st.sampled_from('[]{}"\\,:é\n') | st.characters(codec="utf-8"), max_size=12
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=3),
)


def naive_depth(value: Any) -> int:
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + max(map(naive_depth, value), default=0) if isinstance(value, list) else 0


def naive_count(value: Any) -> int:
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + sum(map(naive_count, value)) if isinstance(value, list) else 0


@given(VALUES, st.booleans(), st.sampled_from([None, 1]), st.sampled_from([(",", ":"), None]))
@example({"data": ["["], '"data': [[]]}, True, None, (",", ":"))
@example([{"data": '[["'}, [[]]], True, None, (",", ":"))
@example(['x"data":"[', [[]]], True, None, (",", ":"))
def test_it_is_the_depth_of_the_document(
    value: Any, ascii_only: bool, indent: int | None, separators: tuple[str, str] | None
) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent, separators=separators).encode()
    assert json_shape(text).depth == naive_depth(value)
    assert json_shape(text).containers == naive_count(value)


@given(st.binary(max_size=100) | st.text('[]{}"\\ 1,:', max_size=40).map(str.encode))
def test_whatever_is_json_has_its_depth_and_nothing_else_breaks(text: bytes) -> None:
    depth = json_shape(text).depth
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        return
    assert depth == naive_depth(document)


@pytest.mark.parametrize(
    ("text", "depth"),
    [
        (b"", 0),
        (b"1", 0),
        (b"[]", 1),
        (b"[[],[[]]]", 3),
        (b'{"a":[{"b":1}]}', 3),
        (rb'["[[[", "\"[[", "\\", [1]]', 2),
        (rb'["\\\"[[[\\"]', 1),
        (b"[" * 100_000 + b"]" * 100_000, 100_000),
    ],
)
def test_brackets_in_strings_do_not_count(text: bytes, depth: int) -> None:
    assert json_shape(text).depth == depth


GC_HEADER = 16


def held(value: Any, seen: set[int]) -> int:
    """Return what a parsed value takes with all that it holds, each object once."""
    if id(value) in seen:
        return 0
    seen.add(id(value))
    is_container = isinstance(value, dict | list)
    parts = [*value, *value.values()] if isinstance(value, dict) else value
    inner = sum(held(part, seen) for part in parts) if is_container else 0
    return sys.getsizeof(value) + GC_HEADER * is_container + inner


@pytest.mark.parametrize(
    "one",
    [
        *("[]", "[0]", "[1.5]", "{}", "[[]]", "[{}]", "1.5", "7000"),
        *('{"data":"ab"}', '[{"data":"[[[["},[[]]]', '{"data":"","b":[7]}'),
        *('{"a":1}', '{"a":[7]}', '["ab"]', '"é"', '"日"', '"b"', '""', '{"a":"bc","d":{}}'),
    ],
)
def test_no_text_takes_more_than_was_told_of_it(one: str) -> None:
    text = f"[{','.join([one] * 1_000)}]".encode()
    assert held(orjson.loads(text), set()) <= parsed_bytes(text)


@pytest.mark.parametrize(
    ("text", "frame"),
    [
        (b'{"a":[1],"data":"QUJD","z":[]}', b'{"a":[1],"data":"","z":[]}'),
        (b'{"data":"QUJD"}', b'{"data":""}'),
        (b'{"data":""}', b'{"data":""}'),
        (rb'{"data":"QU\"JD"}', rb'{"data":"QU\"JD"}'),
        (rb'{"a":"\"data":"}', rb'{"a":"\"data":"}'),
        (b'{"data": "QUJD"}', b'{"data": "QUJD"}'),
        (b'{"data":"without an end', b'{"data":"without an end'),
        (b'{"data":[[1]]}', b'{"data":[[1]]}'),
        (b"", b""),
    ],
)
def test_a_block_of_pixels_is_passed_over(text: bytes, frame: bytes) -> None:
    assert without_block(text) == frame
