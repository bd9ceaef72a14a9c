"""Which model scores which batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scoring.batches.batch_models import model_of, named_models, tables_without_batch
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
    missing = tables_without_batch(named())
    assert missing == {"/away/F/": "no batch /away/F/: there is no folder /away/F"}
    monkeypatch.chdir(project)
    (name, why), *_ = tables_without_batch(
        load_settings(batches={"image_batches/D": {"model": "digits"}})
    ).items()
    assert name == "image_batches/D"
    assert why == 'that batch goes by another name: write [batches."D"]'
