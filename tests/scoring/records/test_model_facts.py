"""What the ledger knows of models, for programs that have none."""

from __future__ import annotations

from pathlib import Path

import pytest

from scoring.protocol.signature import parse_signature
from scoring.records.ledger import Ledger
from scoring.records.model_facts import signature_facts
from scoring.settings import CODE_ROOT


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


@pytest.mark.parametrize("bundle", ["fashion_model", "models/clothing"])
def test_a_signature_says_what_the_desk_and_the_report_need(tmp_path: Path, bundle: str) -> None:
    signature = parse_signature((CODE_ROOT / bundle / "signature.json").read_bytes())
    with Ledger(tmp_path / "ledger.db", 1) as ledger:
        ledger.keep_model_facts(signature.version, signature.name, signature_facts(signature))
        facts = ledger.model_facts(signature.version)
    assert facts
    assert tuple(facts["labels"]) == signature.labels
    assert facts["preprocessing"] == {
        "name": signature.preprocessing.name,
        "version": signature.preprocessing.version,
    }
    assert tuple(facts["input"]["shape"]) == signature.input.shape
    assert facts["thresholds"]["confidence"] == signature.thresholds.confidence
    assert facts["review"]["outlier"] == signature.review.outlier
    assert facts["reference"]["confidence_deciles"] == [*signature.reference.confidence_deciles]
    assert facts["temperature"] == signature.temperature
    assert facts["figures"] == signature.figures
    assert not {"files", "libraries"} & facts.keys()
