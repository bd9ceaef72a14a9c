"""A model's name means the bundle whose signature says it, wherever its folder lies."""

import json
import os
import shutil
from pathlib import Path

import pytest

from scoring.protocol.bundle_names import (
    bundle_labels,
    find_bundle,
    known_signatures,
    served_bundles,
    why_absent,
    with_models,
)
from scoring.protocol.errors import SettingsError, UsageError
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
    with pytest.raises(
        UsageError,
        match=r"cats_dogs, clothing, digits, fashion, shoes; and what cannot be read: .*broken",
    ):
        find_bundle(settings, "hats")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"{", "not JSON: unexpected end of data"),
        (b"[]", "not a JSON object"),
        (b'{"format": 1}', "name is missing"),
    ],
)
def test_a_signature_that_cannot_be_read_is_named_with_the_reason(
    content: bytes, why: str, project: Path, settings: Settings
) -> None:
    broken = project / "models" / "broken" / "signature.json"
    broken.parent.mkdir(parents=True)
    broken.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        find_bundle(settings, "hats")
    assert f"; and what cannot be read: {broken.resolve()} ({why}" in str(caught.value)


def test_a_served_folder_without_a_signature_is_named_with_the_reason(project: Path) -> None:
    (project / "shoes").mkdir()
    (project / "boots" / "signature.json").mkdir(parents=True)
    with pytest.raises(UsageError) as caught:
        find_bundle(serving("shoes", "boots"), "hats")
    told = str(caught.value)
    assert f"{project / 'shoes' / 'signature.json'} (the file is missing)" in told
    assert f"{project / 'boots' / 'signature.json'} (no regular file)" in told


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such pipes")
def test_a_pipe_in_the_place_of_a_signature_is_not_waited_for(project: Path) -> None:
    (project / "shoes").mkdir()
    os.mkfifo(project / "shoes" / "signature.json")
    with pytest.raises(UsageError, match=r"signature\.json \(no regular file\)"):
        find_bundle(serving("shoes"), "hats")


def test_every_model_that_a_name_finds_is_known_once(project: Path, settings: Settings) -> None:
    for folder, name in (("a", "shoes"), ("b", "twice"), ("c", "twice"), ("d", "digits")):
        signed(project / "models" / folder, name)
    (project / "models" / "broken").mkdir()
    (project / "models" / "broken" / "signature.json").write_bytes(b"{")
    known = {one.name: one for one in known_signatures(settings)}
    assert known.keys() >= {"shoes", "digits", "fashion", "cats_dogs"}
    assert "twice" not in known
    own = (project / "models" / "d" / "signature.json").read_bytes()
    assert known["digits"] == parse_signature(own)


def serving(*entries: str) -> Settings:
    return load_settings(server={"models": entries})


def test_a_server_is_told_its_models_by_folder_or_by_name(project: Path, tmp_path: Path) -> None:
    shop = signed(project / "models" / "from the shop", "shoes")
    away = signed(tmp_path / "away", "hats")
    entries = ("shoes", "models/from the shop", str(away), "digits")
    assert served_bundles(serving(*entries)) == (
        shop,
        project / "models" / "from the shop",
        away,
        CODE_ROOT / "models" / "digits",
    )


def test_a_folder_of_the_project_stands_before_a_model_of_that_name(project: Path) -> None:
    signed(project / "models" / "a", "shoes")
    folder = signed(project / "shoes", "boots")
    assert served_bundles(serving("shoes")) == (folder,)
    # The name of one that is served by its folder means that one.
    assert served_bundles(serving("shoes", "boots")) == (folder, folder)


def test_a_path_that_leads_nowhere_is_no_name(project: Path) -> None:
    signed(project / "models" / "a", "shoes")
    assert served_bundles(serving("models/shoes")) == (project / "models" / "shoes",)


def test_an_unknown_model_to_serve_says_where_was_looked(project: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        served_bundles(serving("digits", "shoes"))
    assert str(caught.value) == (
        f"server.models: there is no folder {project}/shoes, and no model is named 'shoes';"
        " there are: cats_dogs, clothing, digits, fashion"
    )


def test_further_models_are_served_after_those_of_the_settings(project: Path) -> None:
    shop = signed(project / "models" / "from the shop", "shoes")
    settings = serving(str(CODE_ROOT / "fashion_model"), "digits")
    more = with_models(settings, ["", "shoes", "digits", "hats", "fashion", "shoes"])
    assert more.server.models == (*settings.server.models, shop)
    assert with_models(settings, ["", "fashion", "digits", "hats"]) == settings


def test_why_a_model_is_not_served(project: Path) -> None:
    signed(project / "models" / "a", "shoes")
    broken = project / "models" / "b" / "signature.json"
    broken.parent.mkdir()
    broken.write_bytes(b"{")
    names = ["", "digits", "shoes", "hats", "hats"]
    (hats,) = why_absent(serving("digits"), names).items()
    assert hats[0] == "hats"
    there_are = "cats_dogs, clothing, digits, fashion, shoes"
    assert hats[1].startswith(f"no model is named 'hats'; there are: {there_are}")
    assert f"; and what cannot be read: {broken.resolve()} (not JSON: " in hats[1]
    absent = why_absent(serving("digits"), names, "the server ended")
    assert absent == {"shoes": "with it, the server ended", "hats": hats[1]}


def test_the_labels_of_a_model_on_this_machine(settings: Settings) -> None:
    assert bundle_labels(settings, "digits") == tuple("0123456789")
    assert bundle_labels(settings, "hats") == ()


def test_the_folder_of_shared_networks_is_no_bundle(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = signed(project / "models" / "backbones", "shoes")
    monkeypatch.setenv("SCORING_SERVER__MODELS", '["fashion_model", "models/backbones"]')
    with pytest.raises(UsageError, match="no model is named 'shoes'; there are: ") as caught:
        find_bundle(load_settings(), "shoes")
    assert str(shelf) not in str(caught.value)
