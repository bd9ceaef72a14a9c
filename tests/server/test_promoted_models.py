"""A promoted bundle serves in the place of the shipped one; one that cannot is told of."""

import json
import shutil
from contextlib import closing
from pathlib import Path

import pytest

from fashion_model.calibrate import write_signature
from scoring.inference.bundle import load_bundle
from scoring.protocol.promoted import CURRENT_FILE, retrained_folder
from scoring.settings import Settings
from server.models import load_served
from tests.conftest import BUNDLE

SHIPPED = load_bundle(BUNDLE).signature.version


def retrained(settings: Settings, **changes: object) -> Path:
    """Return the folder of a bundle in its place that differs from the shipped one in words."""
    home = retrained_folder(settings)
    part = home / "part"
    part.mkdir(parents=True)
    for name in ("model.tflite", "head.npz", "signature.json"):
        shutil.copy(BUNDLE / name, part / name)
    signature = load_bundle(part).signature.renewed(**{"note": "retrained", **changes})
    write_signature(part, signature)
    return part.rename(home / signature.version)


def promote(settings: Settings, text: str) -> None:
    folder = retrained_folder(settings)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CURRENT_FILE).write_text(text)


def served(settings: Settings) -> list[str]:
    with closing(load_served(settings)) as models:
        return [signature.version for signature in models.signatures()]


def events(settings: Settings) -> str:
    path = settings.logs_folder / "Events-log.txt"
    return path.read_text() if path.exists() else ""


def test_without_a_promotion_the_shipped_one_serves(settings: Settings) -> None:
    retrained(settings)
    assert served(settings) == [SHIPPED]
    assert events(settings) == ""


def test_the_promoted_one_serves(settings: Settings) -> None:
    version = retrained(settings).name
    promote(settings, json.dumps({"fashion": version}))
    assert served(settings) == [version] != [SHIPPED]
    assert events(settings) == ""


def test_a_promotion_of_another_model_changes_nothing(settings: Settings) -> None:
    version = retrained(settings).name
    promote(settings, json.dumps({"digits": version}))
    assert served(settings) == [SHIPPED]


@pytest.mark.parametrize("damage", ["gone", "head", "head is gone", "signature", "another name"])
def test_a_damaged_one_is_told_of_and_the_shipped_one_serves(
    settings: Settings, damage: str
) -> None:
    folder = retrained(settings, name="other") if damage == "another name" else retrained(settings)
    if damage == "gone":
        shutil.rmtree(folder)
    elif damage == "head":
        (folder / "head.npz").write_bytes(b"PK")
    elif damage == "head is gone":
        (folder / "head.npz").unlink()
    elif damage == "signature":
        shutil.copy(BUNDLE / "signature.json", folder)
    promote(settings, json.dumps({"fashion": folder.name}))
    assert served(settings) == [SHIPPED]
    assert "ERROR, promoted-model-not-served" in events(settings)
    assert folder.name[:12] in events(settings)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"fashion": 5}', '{"fashion": "../../models"}', '{"fashion": ""}']
)
def test_a_torn_table_is_told_of_and_the_shipped_one_serves(settings: Settings, text: str) -> None:
    promote(settings, text)
    assert served(settings) == [SHIPPED]
    assert "ERROR, promoted-model-not-served" in events(settings)
    assert CURRENT_FILE in events(settings)
