"""What the server writes of itself is what the others read; anything else is a stranger's."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.protocol.metadata import (
    ForeignAnswer,
    Readiness,
    ServedModel,
    decode_metadata,
    decode_readiness,
    encode_metadata,
    encode_readiness,
    served_models,
)
from scoring.protocol.signature import parse_signature
from tests.conftest import BUNDLE

SIGNATURE = parse_signature((BUNDLE / "signature.json").read_bytes())
READY: dict[str, Any] = {"live": True, "ready": True, "models": [{"name": "m", "version": "v"}]}


def test_readiness_comes_through() -> None:
    models = served_models([SIGNATURE])
    assert models == (ServedModel(SIGNATURE.name, SIGNATURE.version),)
    for readiness in (Readiness(True, models, pid=7), Readiness(False)):
        assert decode_readiness(orjson.dumps(encode_readiness(readiness))) == readiness


def test_metadata_comes_through() -> None:
    assert decode_metadata(orjson.dumps(encode_metadata(SIGNATURE))) == SIGNATURE


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        "ready",
        {},
        {**READY, "live": 1},
        {**READY, "ready": "yes"},
        {**READY, "models": 3},
        {**READY, "models": ["m"]},
        {**READY, "models": [None]},
        {**READY, "models": [{"name": "m"}]},
        {**READY, "models": [{"name": "m", "version": 1}]},
        {**READY, "models": {"name": "m"}},
    ],
)
def test_another_programs_readiness_is_foreign(document: Any) -> None:
    with pytest.raises(ForeignAnswer):
        decode_readiness(orjson.dumps(document))


@pytest.mark.parametrize(
    "document",
    [
        [],
        {},
        {"parameters": None},
        {"parameters": {}},
        {"parameters": {**SIGNATURE.to_dict(), "name": "other"}},
    ],
)
def test_another_programs_metadata_are_foreign(document: Any) -> None:
    with pytest.raises(ForeignAnswer):
        decode_metadata(orjson.dumps(document))


@settings(derandomize=True, database=None)
@given(st.binary(max_size=100))
def test_any_bytes_are_read_or_foreign(body: bytes) -> None:
    for decode in (decode_readiness, decode_metadata):
        with pytest.raises(ForeignAnswer):
            decode(body)


def test_text_nested_without_end_is_foreign() -> None:
    with pytest.raises(ForeignAnswer):
        decode_readiness(b"[" * 60_000)
