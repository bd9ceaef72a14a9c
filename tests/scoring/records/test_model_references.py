"""References of models in the ledger."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from scoring.records import model_references
from scoring.records.ledger import Ledger
from tests.scoring.protocol.test_reference import CLASSES, made_up


def test_the_first_one_of_a_version_stays(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.db", 1) as ledger:
        database = ledger.database
        assert model_references.find(database, "v1", CLASSES) is None
        assert not model_references.is_known(database, "v1")
        model_references.keep(database, "v1", made_up(30).to_bytes())
        model_references.keep(database, "v1", made_up(10).to_bytes())
        found = model_references.find(database, "v1", CLASSES)
        assert model_references.is_known(database, "v1")
        assert not model_references.is_known(database, "v2")
    assert found
    np.testing.assert_array_equal(found.truth, made_up(30).truth)
