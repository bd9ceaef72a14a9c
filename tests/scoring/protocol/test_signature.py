"""The signature: read back as written, versioned by its content, refused with the reason."""

import copy
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.protocol.signature import (
    SignatureError,
    canonical_json,
    compute_version,
    dump_signature,
    parse_signature,
    seal,
)

COMMITTED = Path(__file__).parents[3] / "fashion_model" / "signature.json"


@pytest.fixture
def document() -> dict[str, Any]:
    """Return a small signature that is right, as plain JSON values, without a version."""
    return {
        "format": 1,
        "name": "shapes",
        "labels": ["round", "square"],
        "input": {"shape": [4, 3, 1], "dtype": "uint8"},
        "preprocessing": {"name": "garment", "version": 1},
        "temperature": 1.25,
        "thresholds": {"confidence": 0.9, "outlier_score": 200.0},
        "reference": {
            "count": 10,
            "class_shares": [0.5, 0.5],
            "confidence_deciles": [0.1 * i for i in range(11)],
            "brightness_deciles": [0.0] * 11,
            "contrast_deciles": [0.0] * 11,
            "foreground_deciles": [0.0] * 11,
            "outlier_percentiles": [1.0] * 101,
        },
        "figures": {"accuracy": 0.93},
        "libraries": {"tensorflow": "2.21.0"},
        "created": "2026-11-21",
        "files": {"model.tflite": "a" * 64},
    }


def changed(document: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    copied = copy.deepcopy(document)
    *folders, last = path.split(".")
    target = copied
    for folder in folders:
        target = target[folder]
    target[last] = value
    return copied


def test_is_read_back_as_written(document: dict[str, Any]) -> None:
    signature = seal(document)
    assert parse_signature(dump_signature(signature)) == signature
    assert signature.labels == ("round", "square")
    assert signature.input.row_length == 12


def test_version_does_not_depend_on_layout(document: dict[str, Any]) -> None:
    reordered = dict(reversed(document.items()))
    assert canonical_json(reordered) == canonical_json(document)
    spaced = orjson.dumps(seal(reordered).to_dict(), option=orjson.OPT_INDENT_2)
    assert parse_signature(spaced).version == compute_version(document)


@given(st.floats(0.01, 100.0, exclude_min=True))
def test_every_number_survives_and_counts(temperature: float) -> None:
    text = COMMITTED.read_bytes()
    signature = seal({**orjson.loads(text), "temperature": temperature})
    assert parse_signature(dump_signature(signature)).temperature == temperature
    same = temperature == parse_signature(text).temperature
    assert (signature.version == parse_signature(text).version) is same


def test_a_changed_entry_is_noticed(document: dict[str, Any]) -> None:
    text = dump_signature(seal(document)).replace(b"1.25", b"1.26")
    with pytest.raises(SignatureError, match="is not that of its content"):
        parse_signature(text)


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ("format", 2, "format 2 is not 1"),
        ("name", "../fashion", "name '../fashion' has the wrong form"),
        ("labels", ["one"], "labels is not a list of two or more"),
        ("labels", ["one", "one"], "labels has a name twice"),
        ("input.shape", [28, 28], r"input.shape is not \[height, width, channels\]"),
        ("input.shape", [28, 0, 1], "input.shape is not a positive whole number"),
        ("input.dtype", "float32", "input.dtype 'float32' is not uint8"),
        ("preprocessing.version", True, "preprocessing.version is not a positive whole number"),
        ("temperature", 0.0, "temperature = 0.0 is not between 0.001 and 1000"),
        ("temperature", None, "temperature is not a number"),
        ("thresholds.confidence", 1.5, "thresholds.confidence = 1.5 is not between 0 and 1"),
        ("reference.class_shares", [1.0], "reference.class_shares is not a list of 2 numbers"),
        ("reference.confidence_deciles", [0.0] * 10, "confidence_deciles is not a list of 11"),
        ("figures", [], "figures is not an object"),
        ("files", {"../../etc/passwd": "a" * 64}, "files '../../etc/passwd' has the wrong form"),
        ("files", {"model.tflite": "abc"}, "files.model.tflite 'abc' has the wrong form"),
        ("colour", "red", "signature has unknown entries: colour"),
    ],
)
def test_refuses_a_wrong_entry(
    document: dict[str, Any], path: str, value: Any, reason: str
) -> None:
    with pytest.raises(SignatureError, match=reason):
        seal(changed(document, path, value))


@pytest.mark.parametrize("entry", ["name", "labels", "thresholds", "files"])
def test_refuses_a_missing_entry(document: dict[str, Any], entry: str) -> None:
    del document[entry]
    with pytest.raises(SignatureError, match=f"signature lacks {entry}"):
        seal(document)


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"\xff\xfe"])
def test_refuses_what_is_not_a_json_object(text: bytes) -> None:
    with pytest.raises(SignatureError, match="not"):
        parse_signature(text)
