"""A batch that is gone is told once, and only if it is gone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from scoring.batches.vanished import vanished_batches
from scoring.records.ledger import Ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "ledger.db", 5) as ledger:
        yield ledger


def test_a_batch_is_gone_once_when_its_folder_is_gone_or_empty(
    tmp_path: Path, ledger: Ledger
) -> None:
    assert vanished_batches(ledger, tmp_path, {"G1": 3, "G2": 1, "G3": 0}) == []
    assert vanished_batches(ledger, tmp_path, {"G2": 0}) == ["G1", "G2"]
    assert vanished_batches(ledger, tmp_path, {"G2": 0}) == []
    assert vanished_batches(ledger, tmp_path, {"G1": 3}) == []
    assert vanished_batches(ledger, tmp_path, {}) == ["G1"]


def test_one_that_could_not_be_read_or_was_not_asked_for_is_not_gone(
    tmp_path: Path, ledger: Ledger
) -> None:
    vanished_batches(ledger, tmp_path, {"G1": 3, "G2": 1})
    (tmp_path / "G2").mkdir()
    assert vanished_batches(ledger, tmp_path, {}, lost=["G1"]) == []
    assert vanished_batches(ledger, tmp_path, {}) == ["G1"]
