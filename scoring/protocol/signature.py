"""The signature of a model bundle: what a model is, stated as data.

``signature.json`` lies beside the model's files and is the only place that knows the labels, the
input, the preprocessing, the thresholds and the SHA-256 of every file. The bundle's version is the
SHA-256 of this signature in canonical JSON without its version, so any change, however small,
gives another version.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import orjson

FORMAT = 1
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_DECILES = 11
_PERCENTILES = 101


class SignatureError(ValueError):
    """A signature that cannot be used; the message says which entry and why."""


@dataclass(frozen=True)
class InputSpec:
    """One image as the model takes it: (height, width, channels) of raw 0-255 pixels."""

    shape: tuple[int, int, int]
    dtype: str

    @property
    def row_length(self) -> int:
        """Return the number of values in one flattened image."""
        height, width, channels = self.shape
        return height * width * channels


@dataclass(frozen=True)
class PreprocessingRef:
    """Which preprocessing the model was made for."""

    name: str
    version: int


@dataclass(frozen=True)
class Thresholds:
    """When a prediction is sent to a person.

    ``confidence``: below it, "low confidence" (a calibrated probability).
    ``outlier_score``: above it, "not a garment?" (see scoring.inference.head).
    """

    confidence: float
    outlier_score: float


@dataclass(frozen=True)
class ReferenceStatistics:
    """What the served model saw on held-out data; drift is measured against it.

    ``deciles`` are 11 values (0 %, 10 %, ... 100 %), ``percentiles`` are 101. Brightness, contrast
    and foreground are those of :mod:`scoring.protocol.image_statistics`, shares of 0-1.
    """

    count: int
    class_shares: tuple[float, ...]
    confidence_deciles: tuple[float, ...]
    brightness_deciles: tuple[float, ...]
    contrast_deciles: tuple[float, ...]
    foreground_deciles: tuple[float, ...]
    outlier_percentiles: tuple[float, ...]


@dataclass(frozen=True)
class Signature:
    """A checked signature.

    ``figures`` are the measured numbers of the model card, ``libraries`` the versions that made
    the bundle, ``created`` an ISO 8601 date, ``files`` maps file names to their SHA-256.
    """

    format: int
    name: str
    labels: tuple[str, ...]
    input: InputSpec
    preprocessing: PreprocessingRef
    temperature: float
    thresholds: Thresholds
    reference: ReferenceStatistics
    figures: Mapping[str, float]
    libraries: Mapping[str, str]
    created: str
    files: Mapping[str, str]
    version: str

    def to_dict(self) -> dict[str, Any]:
        """Return the signature as plain JSON values."""
        return asdict(self)


def canonical_json(document: Mapping[str, Any]) -> bytes:
    """Return compact UTF-8 JSON with sorted keys, without the top-level ``version``."""
    unversioned = {key: value for key, value in document.items() if key != "version"}
    return orjson.dumps(unversioned, option=orjson.OPT_SORT_KEYS)


def compute_version(document: Mapping[str, Any]) -> str:
    """Return the version of a signature document: 64 hexadecimal digits."""
    return hashlib.sha256(canonical_json(document)).hexdigest()


def seal(document: Mapping[str, Any]) -> Signature:
    """Give a signature document its version and check it.

    Raises:
        SignatureError: an entry is missing, unknown or out of range.
    """
    return _read({**document, "version": compute_version(document)})


def dump_signature(signature: Signature) -> bytes:
    """Return the signature as readable JSON, as ``signature.json`` holds it."""
    return orjson.dumps(signature.to_dict(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def parse_signature(data: bytes) -> Signature:
    """Return the signature in ``data``, having checked its entries and its version.

    Raises:
        SignatureError: not JSON, a wrong entry, or a version that is not that of the content.
    """
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise SignatureError(f"not JSON: {error}") from error
    if not isinstance(document, dict):
        raise SignatureError("not a JSON object")
    signature = _read(document)
    expected = compute_version(document)
    if signature.version != expected:
        raise SignatureError(f"version {signature.version[:12]} is not that of its content")
    return signature


def _read(document: Mapping[str, Any]) -> Signature:
    _check_keys(document, [field.name for field in fields(Signature)], "signature")
    if document["format"] != FORMAT:
        raise SignatureError(f"format {document['format']!r} is not {FORMAT}")
    labels = _labels(document["labels"])
    return Signature(
        format=FORMAT,
        name=_matching(document["name"], _NAME, "name"),
        labels=labels,
        input=_input(document["input"]),
        preprocessing=_preprocessing(document["preprocessing"]),
        temperature=_number(document["temperature"], "temperature", low=1e-3, high=1e3),
        thresholds=_thresholds(document["thresholds"]),
        reference=_reference(document["reference"], len(labels)),
        figures={
            key: _number(value, f"figures.{key}")
            for key, value in _mapping(document["figures"], "figures").items()
        },
        libraries={
            key: _text(value, f"libraries.{key}")
            for key, value in _mapping(document["libraries"], "libraries").items()
        },
        created=_text(document["created"], "created"),
        files=_files(document["files"]),
        version=_matching(document["version"], _SHA256, "version"),
    )


def _check_keys(document: Mapping[str, Any], known: list[str], where: str) -> None:
    missing = [key for key in known if key not in document]
    unknown = [key for key in document if key not in known]
    if missing:
        raise SignatureError(f"{where} lacks {', '.join(missing)}")
    if unknown:
        raise SignatureError(f"{where} has unknown entries: {', '.join(map(str, unknown))}")


def _mapping(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise SignatureError(f"{where} is not an object")
    return value


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str) or not value:
        raise SignatureError(f"{where} is not a text")
    return value


def _matching(value: Any, pattern: re.Pattern[str], where: str) -> str:
    if not pattern.fullmatch(_text(value, where)):
        raise SignatureError(f"{where} {value!r} has the wrong form")
    return str(value)


def _number(value: Any, where: str, low: float = -1e300, high: float = 1e300) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise SignatureError(f"{where} is not a number")
    if not low <= value <= high:
        raise SignatureError(f"{where} = {value} is not between {low:g} and {high:g}")
    return value


def _whole(value: Any, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise SignatureError(f"{where} is not a positive whole number")
    return value


def _numbers(value: Any, where: str, length: int) -> tuple[float, ...]:
    if not isinstance(value, list | tuple) or len(value) != length:
        raise SignatureError(f"{where} is not a list of {length} numbers")
    return tuple(_number(item, where) for item in value)


def _labels(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or len(value) < 2:
        raise SignatureError("labels is not a list of two or more")
    labels = tuple(_text(label, "labels") for label in value)
    if len(set(labels)) != len(labels):
        raise SignatureError("labels has a name twice")
    return labels


def _input(value: Any) -> InputSpec:
    document = _mapping(value, "input")
    _check_keys(document, ["shape", "dtype"], "input")
    shape = document["shape"]
    if not isinstance(shape, list | tuple) or len(shape) != 3:
        raise SignatureError("input.shape is not [height, width, channels]")
    height, width, channels = (_whole(size, "input.shape") for size in shape)
    if document["dtype"] != "uint8":
        raise SignatureError(f"input.dtype {document['dtype']!r} is not uint8")
    return InputSpec((height, width, channels), "uint8")


def _preprocessing(value: Any) -> PreprocessingRef:
    document = _mapping(value, "preprocessing")
    _check_keys(document, ["name", "version"], "preprocessing")
    return PreprocessingRef(
        _matching(document["name"], _NAME, "preprocessing.name"),
        _whole(document["version"], "preprocessing.version"),
    )


def _thresholds(value: Any) -> Thresholds:
    document = _mapping(value, "thresholds")
    _check_keys(document, ["confidence", "outlier_score"], "thresholds")
    return Thresholds(
        _number(document["confidence"], "thresholds.confidence", 0.0, 1.0),
        _number(document["outlier_score"], "thresholds.outlier_score"),
    )


def _reference(value: Any, classes: int) -> ReferenceStatistics:
    document = _mapping(value, "reference")
    lengths = {
        "class_shares": classes,
        "confidence_deciles": _DECILES,
        "brightness_deciles": _DECILES,
        "contrast_deciles": _DECILES,
        "foreground_deciles": _DECILES,
        "outlier_percentiles": _PERCENTILES,
    }
    _check_keys(document, ["count", *lengths], "reference")
    rows = {key: _numbers(document[key], f"reference.{key}", n) for key, n in lengths.items()}
    return ReferenceStatistics(count=_whole(document["count"], "reference.count"), **rows)


def _files(value: Any) -> dict[str, str]:
    # A name with a separator could reach outside the bundle's folder; _NAME admits none.
    return {
        _matching(name, _NAME, "files"): _matching(digest, _SHA256, f"files.{name}")
        for name, digest in _mapping(value, "files").items()
    }
