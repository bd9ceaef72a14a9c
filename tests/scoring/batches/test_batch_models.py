"""Which model scores which batch."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from scoring.batches.batch_models import StrayTable, model_of, named_models, stray_tables
from scoring.batches.image_folder import find_batch
from scoring.records.text import printable
from scoring.settings import Settings, load_settings

TABLES = {"D": "digits", "sub/E": "hats", "./litter": "cats_dogs", "/away/F/": "digits", "G": ""}


def named(**client: Any) -> Settings:
    tables = {name: {"model": model} for name, model in TABLES.items()}
    return load_settings(batches=tables, client=client)


@pytest.mark.parametrize(
    ("batch", "model"),
    [
        ("D", "digits"),
        ("sub/E", "hats"),
        ("litter", "cats_dogs"),
        ("/away/F", "digits"),
        ("G", "fashion"),
        ("d", "fashion"),
        ("sub", "fashion"),
        ("D/sub", "fashion"),
    ],
)
def test_a_batchs_own_model_stands_before_the_clients(
    project: Path, batch: str, model: str
) -> None:
    assert model_of(named(model="fashion"), batch) == model


def test_without_any_the_servers_first_scores(project: Path) -> None:
    assert model_of(named(), "G") == ""


def test_every_model_that_is_named_once(project: Path) -> None:
    assert named_models(named()) == ["digits", "hats", "cats_dogs"]
    assert named_models(named(model="hats")) == ["hats", "digits", "cats_dogs"]
    assert named_models(load_settings()) == []


def test_a_name_may_be_written_as_results_show_it(project: Path) -> None:
    for name in ("caf\udce9", "a\nb", "a\\b"):
        shown = printable(name)
        settings = load_settings(batches={shown: {"model": "digits"}})
        assert model_of(settings, shown) == "digits"
    settings = load_settings(batches={"a\nb": {"model": "digits"}})
    assert model_of(settings, printable("a\nb")) == "digits"


def test_a_table_that_no_batch_has_is_told(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("D", "G", "litter", "sub/E"):
        (project / "image_batches" / name).mkdir(parents=True)
    why = "no batch /away/F/: there is no folder /away/F"
    assert stray_tables(named()) == [StrayTable("/away/F/", why, is_misspelt=False)]
    monkeypatch.chdir(project)
    (stray,) = stray_tables(load_settings(batches={"image_batches/D": {"model": "digits"}}))
    why = 'that batch goes by another name: write [batches."D"]'
    assert stray == StrayTable("image_batches/D", why, is_misspelt=False)


# The same letters as one character each (NFC), and as a letter and its marks (NFD).
ONE, TWO = "\u00c4pfel/\u00e9t\u00e9", "A\u0308pfel/e\u0301te\u0301"


@pytest.mark.parametrize(("folder", "table"), [(ONE, TWO), (TWO, ONE)])
def test_a_name_that_looks_the_same_is_the_same(project: Path, folder: str, table: str) -> None:
    (project / "image_batches" / folder).mkdir(parents=True)
    settings = load_settings(batches={table: {"model": "digits"}, "other": {"model": "hats"}})
    batch = find_batch(table, settings.batches_folder)
    assert model_of(settings, batch.name) == "digits"
    assert [stray.name for stray in stray_tables(settings)] == ["other"]


@pytest.mark.skipif(sys.platform == "darwin", reason="there, both names are one folder")
def test_of_two_folders_that_look_the_same_each_has_its_own_table(project: Path) -> None:
    for name in (ONE, TWO):
        (project / "image_batches" / name).mkdir(parents=True)
    mixed = "\u00c4pfel/e\u0301t\u00e9"
    settings = load_settings(batches={TWO: {"model": "digits"}, mixed: {"model": "hats"}})
    assert model_of(settings, TWO) == "digits"
    assert model_of(settings, ONE) == ""
    (stray,) = stray_tables(settings)
    assert (stray.name, stray.is_misspelt) == (mixed, True)
    codes = 'write [batches."A\\u0308pfel/e\\u0301te\\u0301"] or '
    assert stray.why.startswith(f"written differently: {codes}")


def test_one_folder_has_one_table(project: Path) -> None:
    (project / "image_batches" / TWO).mkdir(parents=True)
    settings = load_settings(batches={ONE: {"model": "hats"}, TWO: {"model": "digits"}})
    batch = find_batch(TWO, settings.batches_folder)
    assert model_of(settings, batch.name) == "digits"
    assert [(stray.name, stray.is_misspelt) for stray in stray_tables(settings)] == [(ONE, True)]


@pytest.mark.parametrize("table", ["d", "SUB/e", "\u00e4PFEL"])
def test_a_table_in_other_capitals_is_told_as_misspelt(project: Path, table: str) -> None:
    for name in ("D", "sub/E", "A\u0308pfel"):
        (project / "image_batches" / name).mkdir(parents=True)
    settings = load_settings(batches={table: {"model": "digits"}})
    assert [model_of(settings, name) for name in ("D", "sub/E", "A\u0308pfel")] == [""] * 3
    (stray,) = stray_tables(settings)
    assert stray.is_misspelt, stray


def test_a_batch_that_came_with_the_project_may_be_gone(project: Path) -> None:
    (project / "settings.toml").write_text("[batches.P1]\nmodel = 'clothing'\n", encoding="utf-8")
    assert stray_tables(load_settings()) == []
    (project / "settings.local.toml").write_text("[batches.P2]\nmodel = 'clothing'\n")
    assert [stray.name for stray in stray_tables(load_settings())] == ["P2"]
    (project / "image_batches" / "p1").mkdir()
    (named, _) = stray_tables(load_settings())
    assert (named.name, named.is_misspelt) == ("P1", True)
    settings = load_settings()
    (project / "settings.toml").write_text("[batches", encoding="utf-8")
    assert [stray.name for stray in stray_tables(settings)] == ["P1", "P2"]
