"""Of several models those are known that a server loads."""

from __future__ import annotations

from pathlib import Path

import pytest

from scoring.processes.sound_models import sound_models
from scoring.protocol.signature import dump_signature, parse_signature
from scoring.settings import load_settings
from tests.conftest import BUNDLE


@pytest.mark.slow
def test_a_damaged_model_is_told_from_those_that_load(project: Path) -> None:
    broken = project / "models" / "hats"
    broken.mkdir(parents=True)
    signature = parse_signature((BUNDLE / "signature.json").read_bytes()).renewed(name="hats")
    (broken / "signature.json").write_bytes(dump_signature(signature))
    settings = load_settings()
    assert sound_models(settings, ["", "fashion", "hats", "digits"]) == ["digits"]
    assert sound_models(settings, ["hats"]) == []
    # All load: what kept the server from coming up was something else, and may do so again.
    assert sound_models(settings, ["digits", "cats_dogs"]) == []
