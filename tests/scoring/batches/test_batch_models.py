"""Which model scores which batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scoring.batches.batch_models import model_of, named_models, tables_without_batch
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


def test_a_table_that_no_batch_has_is_told(project: Path) -> None:
    there = ["D", "litter", "G", "/away/F"]
    assert tables_without_batch(named(), there) == ["sub/E"]
