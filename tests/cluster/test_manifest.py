"""A folder of partitions goes on with the model, folder and limits that it was begun with."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cluster.errors import OtherRun
from cluster.manifest import Manifest

MANIFEST = Manifest("G1", "/batches/G1", "fashion", "a" * 64, 4096, 64, 100, 60.0)


def test_a_manifest_comes_back_as_it_was_written() -> None:
    there = Manifest.from_json(MANIFEST.as_json())
    assert there == MANIFEST
    MANIFEST.check_same(there)


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({"version": "b" * 64}, r"version bbbbbbbbbbbb…, not aaaaaaaaaaaa…"),
        ({"model": "shop", "batch": "G2"}, r"batch G2, not G1; model shop, not fashion"),
        ({"max_image_pixels": 7}, r"max_image_pixels 7, not 100"),
        ({"format": 2}, r"format 2, not 1"),
    ],
)
def test_another_run_is_refused_with_what_to_do(other: dict[str, object], told: str) -> None:
    with pytest.raises(OtherRun, match=told + r".*name another folder.*--fresh"):
        MANIFEST.check_same(replace(MANIFEST, **other))  # type: ignore[arg-type]  # one of each


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"batch": "G1"}', b"\xff"])
def test_what_is_no_manifest_is_named(content: bytes) -> None:
    with pytest.raises(OtherRun, match=r"_manifest\.json in --out cannot be read.*--fresh"):
        Manifest.from_json(content)
