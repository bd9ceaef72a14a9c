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
        "format": 2,
        "name": "shapes",
        "purpose": "tells round from square",
        "note": "",
        "labels": ["round", "square"],
        "input": {
            "shape": [4, 3, 1],
            "dtype": "uint8",
            "columns": {"prefix": "pixel", "first": 1},
        },
        "preprocessing": {"name": "garment", "version": 1},
        "temperature": 1.25,
        "thresholds": {"confidence": 0.9, "outlier_score": 200.0},
        "review": {"low_confidence": "low confidence", "outlier": "no shape?"},
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
    assert signature.input.column_names() == [f"pixel{number}" for number in range(1, 13)]


def format_1(document: dict[str, Any]) -> dict[str, Any]:
    """Return what the first format knew of ``document``."""
    older = {key: document[key] for key in document if key not in ("purpose", "note", "review")}
    older["input"] = {key: document["input"][key] for key in ("shape", "dtype")}
    return {**older, "format": 1}


def test_a_signature_of_format_1_is_read_and_keeps_its_version(document: dict[str, Any]) -> None:
    older = format_1(document)
    text = orjson.dumps({**older, "version": compute_version(older)})
    signature = parse_signature(text)
    assert signature.review.low_confidence == "low confidence"
    assert signature.review.outlier == "strange picture?"
    assert signature.input.columns.prefix == "pixel"
    assert parse_signature(orjson.dumps(signature.to_dict())) == signature
    assert orjson.loads(dump_signature(signature)) == orjson.loads(text)


def test_format_1_has_none_of_the_later_entries(document: dict[str, Any]) -> None:
    older = format_1(document)
    with pytest.raises(SignatureError, match="a signature of format 1 has no note, review"):
        seal({**older, "note": "", "review": document["review"]})
    with pytest.raises(SignatureError, match="has no columns"):
        seal({**older, "input": document["input"]})


def test_a_renewed_signature_is_of_the_present_format(document: dict[str, Any]) -> None:
    older = seal(format_1(document))
    newer = older.renewed(note="seen anew")
    assert (newer.format, newer.note, newer.labels) == (2, "seen anew", older.labels)
    assert newer.version != older.version
    assert parse_signature(dump_signature(newer)) == newer


def test_a_whole_number_is_written_as_it_was_read(document: dict[str, Any]) -> None:
    signature = seal(changed(document, "temperature", 1))
    assert parse_signature(orjson.dumps(signature.to_dict())).version == signature.version


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
        ("format", 3, "format 3 is not 1 to 2"),
        ("format", "2", "format '2' is not 1 to 2"),
        ("format", 2.0, "format 2.0: should be a whole number"),
        ("name", "../fashion", "name '../fashion': 1 to 64 letters, digits"),
        ("name", "CON", "name 'CON': a name has letters"),
        ("name", "shapes.", "name 'shapes.': a name has letters"),
        ("purpose", "", "purpose '': should have at least 1 character"),
        ("note", "two\nlines", r"note 'two\\nlines': has a control character or a line break"),
        ("labels", ["one"], "labels: should have at least 2 items"),
        ("labels", ["one", "one"], "labels: has a name twice"),
        ("labels", ["one", "two "], "labels.1 'two ': begins or ends with a blank"),
        ("labels", ["a", "b", "c"], "there are 3 labels, and reference.class_shares for 2"),
        ("input.shape", [28, 28], "input.shape.2 is missing"),
        ("input.shape", [28, 0, 1], "input.shape.1 0: should be at least 1"),
        ("input.dtype", "float32", "input.dtype 'float32': should be 'uint8'"),
        ("input.columns.first", 2, "input.columns.first 2: should be at most 1"),
        ("preprocessing.version", True, "preprocessing.version True: should be a whole number"),
        ("temperature", 0.0, "temperature 0.0: should be at least 0.001"),
        ("temperature", None, "temperature None: should be a number"),
        ("temperature", float("nan"), "temperature None: should be a number"),
        ("temperature", True, "temperature True: should be a number"),
        ("temperature", "1.25", "temperature '1.25': should be a number"),
        ("thresholds.confidence", 1.5, "confidence 1.5: should be at most 1"),
        ("review.outlier", "odd; strange", "review.outlier 'odd; strange': several reasons"),
        ("review.outlier", "", "review.outlier '': should have at least 1 character"),
        ("review", {"outlier": "odd?"}, "review.low_confidence is missing"),
        ("reference.class_shares", [1.0], "2 labels, and reference.class_shares for 1"),
        ("reference.class_shares", [0.5, 1.5], "class_shares.1 1.5: should be at most 1"),
        ("reference.confidence_deciles", [0.0] * 10, "confidence_deciles: .* at least 11 items"),
        ("reference.count", 0, "reference.count 0: should be at least 1"),
        ("figures", [], "figures: should be an object"),
        ("files", {"../../etc/passwd": "a" * 64}, "etc/passwd': 1 to 64 letters, digits"),
        ("files", {"model.tflite": "abc"}, "model.tflite 'abc': should be the 64 hexadecimal"),
        ("colour", "red", "colour is no entry of a signature"),
        ("review.colour", "red", "review.colour is no entry of a signature"),
    ],
)
def test_refuses_a_wrong_entry(
    document: dict[str, Any], path: str, value: Any, reason: str
) -> None:
    with pytest.raises(SignatureError, match=reason) as refused:
        seal(changed(document, path, value))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("entry", ["name", "labels", "thresholds", "review", "files", "format"])
def test_refuses_a_missing_entry(document: dict[str, Any], entry: str) -> None:
    del document[entry]
    with pytest.raises(SignatureError, match=f"{entry} is missing"):
        seal(document)


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"\xff\xfe"])
def test_refuses_what_is_not_a_json_object(text: bytes) -> None:
    with pytest.raises(SignatureError, match="not"):
        parse_signature(text)


def test_many_wrong_entries_are_still_one_short_line(document: dict[str, Any]) -> None:
    with pytest.raises(SignatureError) as refused:
        seal(changed(document, "reference.outlier_percentiles", [None] * 101))
    text = str(refused.value)
    assert text.startswith("reference.outlier_percentiles.0 None: should be a number; ")
    assert "and 98 more" in text or "and 99 more" in text
    assert len(text) < 400
