"""The signature of a model bundle: what a model is, stated as data.

``signature.json`` lies beside the model's files and is the only place that knows the labels, the
input, the preprocessing, the thresholds, the model's own words and the SHA-256 of every file. The
bundle's version is the SHA-256 of this signature in canonical JSON without its version, so any
change, however small, gives another version.

Format 2 has the model's words (``purpose``, ``note``, ``review``) and the names of its input
columns. A signature of format 1 is read, with general words in their place, and keeps its version.
"""

# Without postponed annotations: the types of the entries are what they are checked by.

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import orjson
from msgspec import Meta, Struct, to_builtins

from scoring.protocol.checking import MISSING, UNKNOWN, Checker, Wrong
from scoring.protocol.errors import BadRequest, ScoringError
from scoring.protocol.names import check_name

FORMAT = 2
# The file of a bundle that says what it made of held-out images; it need not have one.
REFERENCE_NAME = "reference.npz"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_SHOWN_ERRORS = 3
_SHOWN_LENGTH = 60
_HEXADECIMAL = frozenset("0123456789abcdef")


class SignatureError(ScoringError):
    """A signature that cannot be used; the message says which entry and why."""

    code = "signature"


def check_model_name(name: str) -> str:
    """Return a name that files and addresses can be named after; raises ValueError else."""
    if not _NAME.fullmatch(name):
        raise ValueError("1 to 64 letters, digits, '_', '-' and '.' make a name, no sign first")
    try:
        return check_name(name)
    except BadRequest as error:
        raise ValueError(str(error)) from error


def _one_line(text: str) -> str:
    # Anything a person can read is welcome; line breaks and the like would break a table.
    if any(ord(letter) < 32 or letter in "\x7f\x85\u2028\u2029" for letter in text):
        raise ValueError("has a control character or a line break")
    if text != text.strip():
        raise ValueError("begins or ends with a blank")
    return text


def _one_reason(text: str) -> str:
    if ";" in text:
        raise ValueError(
            'several reasons stand in one cell with ";" between them: use another sign'
        )
    return text


def _sha256(text: str) -> str:
    if len(text) != 64 or not _HEXADECIMAL.issuperset(text):
        raise ValueError("should be the 64 hexadecimal digits of a SHA-256")
    return text


def _different(labels: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(labels)) != len(labels):
        raise ValueError("has a name twice")
    return labels


Number = float
Share = Annotated[float, Meta(ge=0, le=1)]
Temperature = Annotated[float, Meta(ge=1e-3, le=1e3)]
Deciles = Annotated[tuple[Number, ...], Meta(min_length=11, max_length=11)]
Percentiles = Annotated[tuple[Number, ...], Meta(min_length=101, max_length=101)]
Count = Annotated[int, Meta(ge=1)]
Name = Annotated[str, check_model_name]
Text = Annotated[str, Meta(min_length=1)]
Line = Annotated[str, Meta(max_length=300), _one_line]
Sentence = Annotated[str, Meta(min_length=1, max_length=300), _one_line]
Label = Annotated[str, Meta(min_length=1, max_length=100), _one_line]
Word = Annotated[str, Meta(min_length=1, max_length=60), _one_line, _one_reason]
Digest = Annotated[str, _sha256]


class ColumnNames(Struct, frozen=True):
    """How a table of pixels names its columns: ``prefix`` and a number, from ``first`` on."""

    prefix: Annotated[str, Meta(max_length=30)]
    first: Annotated[int, Meta(ge=0, le=1)]


class InputSpec(Struct, frozen=True):
    """One image as the model takes it: (height, width, channels) of raw 0-255 pixels."""

    shape: tuple[Count, Count, Count]
    dtype: Literal["uint8"]
    columns: ColumnNames

    @property
    def row_length(self) -> int:
        """Return the number of values in one flattened image."""
        height, width, channels = self.shape
        return height * width * channels

    def column_names(self) -> list[str]:
        """Return the names of the ``row_length`` columns, in the pixels' order."""
        first = self.columns.first
        return [f"{self.columns.prefix}{first + place}" for place in range(self.row_length)]


class PreprocessingRef(Struct, frozen=True):
    """Which preprocessing the model was made for."""

    name: Name
    version: Count


class Thresholds(Struct, frozen=True):
    """When a prediction is sent to a person.

    ``confidence``: below it, the model is not sure (a calibrated probability).
    ``outlier_score``: above it, the image is a stranger (see scoring.inference.head).
    """

    confidence: Share
    outlier_score: Number


class ReviewWords(Struct, frozen=True):
    """What a person is told where a prediction passes a threshold of the same name."""

    low_confidence: Word
    outlier: Word


class ReferenceStatistics(Struct, frozen=True):
    """What the served model saw on held-out data; drift is measured against it.

    ``deciles`` are 11 values (0 %, 10 %, ... 100 %), ``percentiles`` are 101. Brightness, contrast
    and foreground are those of :mod:`scoring.preprocessing.image_statistics`, shares of 0-1.
    """

    count: Count
    class_shares: tuple[Share, ...]
    confidence_deciles: Deciles
    brightness_deciles: Deciles
    contrast_deciles: Deciles
    foreground_deciles: Deciles
    outlier_percentiles: Percentiles


class Signature(Struct, frozen=True, kw_only=True):
    """A checked signature.

    ``purpose`` says in a few words what the model does, ``note`` what its user should know before
    trusting it (may be empty), ``review`` what a person is told who has to look. ``figures`` are
    the measured numbers of the model card, ``libraries`` the versions that made the bundle,
    ``created`` an ISO 8601 date, ``files`` maps file names to their SHA-256.
    """

    format: Annotated[int, Meta(ge=1, le=FORMAT)]
    name: Name
    purpose: Sentence
    note: Line
    labels: Annotated[tuple[Label, ...], Meta(min_length=2), _different]
    input: InputSpec
    preprocessing: PreprocessingRef
    temperature: Temperature
    thresholds: Thresholds
    review: ReviewWords
    reference: ReferenceStatistics
    figures: dict[str, Number]
    libraries: dict[str, Text]
    created: Text
    # A name with a separator could reach outside the bundle's folder; Name admits none.
    files: dict[Name, Digest]
    version: Digest

    def to_dict(self) -> dict[str, Any]:
        """Return the signature as plain JSON values, in the format it was read in."""
        document: dict[str, Any] = to_builtins(self)
        if self.format == 1:
            for entry in _SINCE_2:
                del document[entry]
            del document["input"]["columns"]
        return document

    def renewed(self, **changes: Any) -> "Signature":
        """Return it with some entries changed, in the present format, with its new version.

        Raises SignatureError as ``seal``.
        """
        return seal({**to_builtins(self), "format": FORMAT, **changes})


# What stands for the words of a model that has none of its own.
_SINCE_2 = {
    "purpose": "names what a picture shows and says how sure it is",
    "note": "",
    "review": {"low_confidence": "low confidence", "outlier": "strange picture?"},
}
_COLUMNS_OF_1 = {"prefix": "pixel", "first": 1}


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
    # Read as it will be once it is written: lists for tuples, nothing for what is no number.
    sealed = orjson.dumps({**document, "version": compute_version(document)})
    return _read(orjson.loads(sealed))


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
    if "format" in document and document["format"] not in range(1, FORMAT + 1):
        raise SignatureError(f"format {document['format']!r} is not 1 to {FORMAT}")
    checker = Checker()
    signature = checker.check(Signature, _in_present_form(document))
    if checker.wrong:
        raise SignatureError(_explain(checker.wrong))
    assert isinstance(signature, Signature)
    shares, labels = len(signature.reference.class_shares), len(signature.labels)
    if shares != labels:
        raise SignatureError(f"there are {labels} labels, and reference.class_shares for {shares}")
    return signature


def _in_present_form(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a document of format 1 with the entries that came after it."""
    if document.get("format") != 1 or not isinstance(document.get("input"), dict):
        return document
    later = {*_SINCE_2.keys() & document.keys(), *{"columns"} & document["input"].keys()}
    if later:
        raise SignatureError(f"a signature of format 1 has no {', '.join(sorted(later))}")
    return {**document, **_SINCE_2, "input": {**document["input"], "columns": _COLUMNS_OF_1}}


def _explain(wrong: Sequence[Wrong]) -> str:
    """One line: the first wrong entries by their dotted names, with what is wrong."""
    lines = [_explain_one(one) for one in wrong[:_SHOWN_ERRORS]]
    more = len(wrong) - len(lines)
    return "; ".join([*lines, f"and {more} more"] if more else lines)


def _explain_one(one: Wrong) -> str:
    if one.why == MISSING:
        return f"{one.name} {MISSING}"
    if one.why == UNKNOWN:
        return f"{one.name} is no entry of a signature"
    shown = repr(one.given)
    plain = isinstance(one.given, str | int | float | None) and len(shown) <= _SHOWN_LENGTH
    return f"{one.name}{f' {shown}' if plain else ''}: {one.why}"
