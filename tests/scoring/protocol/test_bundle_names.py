"""A model's name means the bundle whose signature says it, wherever its folder lies."""

import json
import shutil
from pathlib import Path

import pytest

from scoring.protocol.bundle_names import find_bundle
from scoring.protocol.errors import UsageError
from scoring.protocol.signature import dump_signature, parse_signature
from scoring.settings import CODE_ROOT, Settings, load_settings


def signed(folder: Path, name: str) -> Path:
    """Write the signature of a bundle of that name; the other files are of no matter here."""
    folder.mkdir(parents=True)
    committed = parse_signature((CODE_ROOT / "fashion_model" / "signature.json").read_bytes())
    (folder / "signature.json").write_bytes(dump_signature(committed.renewed(name=name)))
    return folder.resolve()


@pytest.mark.parametrize(
    ("name", "folder"),
    [("fashion", "fashion_model"), ("digits", "models/digits"), ("cats_dogs", "models/cats_dogs")],
)
def test_the_code_brings_its_own(settings: Settings, name: str, folder: str) -> None:
    assert find_bundle(settings, name) == CODE_ROOT / folder


def test_the_signature_decides_and_not_the_folder(project: Path, settings: Settings) -> None:
    shop = signed(project / "models" / "from the shop", "shoes")
    assert find_bundle(settings, "shoes") == shop
    with pytest.raises(UsageError, match="no model is named 'from the shop'"):
        find_bundle(settings, "from the shop")


def test_the_projects_bundle_stands_before_the_codes(project: Path, settings: Settings) -> None:
    own = signed(project / "models" / "digits", "digits")
    assert find_bundle(settings, "digits") == own


def test_a_served_bundle_is_found_wherever_it_lies(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = signed(tmp_path / "away", "hats")
    monkeypatch.setenv("SCORING_SERVER__MODELS", json.dumps([str(away), "models/hats"]))
    shutil.copytree(away, project / "other")
    (project / "models").mkdir()
    (project / "models" / "hats").symlink_to(away)
    # Two ways to one folder are one bundle.
    assert find_bundle(load_settings(), "hats") == away


def test_a_name_twice_is_an_error_that_names_both(project: Path, settings: Settings) -> None:
    for folder in ("a", "b"):
        signed(project / "models" / folder, "shoes")
    with pytest.raises(UsageError, match=r"named 'shoes': .*a and .*b; give one another name"):
        find_bundle(settings, "shoes")


def test_an_unknown_name_is_told_what_there_is(project: Path, settings: Settings) -> None:
    signed(project / "models" / "shoes", "shoes")
    (project / "models" / "broken").mkdir()
    (project / "models" / "broken" / "signature.json").write_bytes(b"{")
    with pytest.raises(UsageError, match=r"there are: cats_dogs, digits, fashion, shoes$"):
        find_bundle(settings, "hats")
