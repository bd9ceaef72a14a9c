"""What the ledger knows of models, for programs that have none."""

from __future__ import annotations

from pathlib import Path

import pytest

from scoring.records.ledger import Ledger


def test_facts_are_read_as_they_were_written(tmp_path: Path) -> None:
    facts = {"labels": ["Süß", "b"], "temperature": 1.5, "input": {"shape": [28, 28, 1]}}
    with Ledger(tmp_path / "ledger.db", 1) as ledger:
        assert ledger.model_facts("v1") is None
        ledger.keep_model_facts("v1", "fashion", facts)
        assert ledger.model_facts("v1") == facts
        assert ledger.model_facts("v2") is None


def test_a_version_is_its_content_so_the_first_facts_stay(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.db", 1) as ledger:
        ledger.keep_model_facts("v1", "fashion", {"labels": ["a"]})
        ledger.keep_model_facts("v1", "fashion", {"labels": ["b"]})
        ledger.keep_model_facts("v2", "fashion", {"labels": ["b"]})
        assert ledger.model_facts("v1") == {"labels": ["a"]}
        assert ledger.model_facts("v2") == {"labels": ["b"]}


def test_no_number_is_written_that_is_no_json(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.db", 1) as ledger:
        with pytest.raises(ValueError, match="JSON"):
            ledger.keep_model_facts("v1", "fashion", {"temperature": float("nan")})
        assert ledger.model_facts("v1") is None
