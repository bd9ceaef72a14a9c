from __future__ import annotations

from pathlib import Path

import pytest

from tests.fashion_model.teaching.shop import write_shop


@pytest.fixture(scope="session")
def things(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of three classes; tests that change it take a copy."""
    return write_shop(tmp_path_factory.mktemp("shop") / "things")
