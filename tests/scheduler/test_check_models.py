"""What check says of the models of single batches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from scheduler.check_models import (
    check_labels,
    check_models,
    check_thresholds,
    models_to_rehearse,
)
from scheduler.check_serving import check_programs
from scoring.protocol.signature import dump_signature, seal
from scoring.settings import CODE_ROOT, Settings, load_settings
from tests.conftest import BUNDLE, running_server, write_batch
from tests.scheduler.test_check import told

TABLES = {"D": {"model": "digits"}, "2026.11 ret": {"model": "digits"}, "E": {"model": "hats"}}
NO_HATS = "no model is named 'hats'; there are: cats_dogs, clothing, digits, fashion"


@pytest.fixture(autouse=True)
def home(project: Path) -> Path:
    """Return the folder of five batches."""
    for name in ("D", "E", "G1", "G2", "2026.11 ret"):
        write_batch(project / "image_batches" / name, 1)
    return project / "image_batches"


def named(**sections: Any) -> Settings:
    return load_settings(batches=TABLES, **sections)


def test_where_one_model_scores_all_the_rehearsal_names_it() -> None:
    assert told(check_models, load_settings()) == []
    assert models_to_rehearse(load_settings()) == [""]
    assert models_to_rehearse(load_settings(client={"model": "digits"})) == ["digits"]


def test_each_batch_is_told_with_its_model() -> None:
    assert told(check_models, named()) == [
        "OK model digits scores 2026.11 ret, D",
        f"FAIL model of E: {NO_HATS}",
        "OK model fashion scores G1, G2",
    ]
    assert models_to_rehearse(named()) == ["digits", ""]


def test_only_the_batches_of_the_night_count() -> None:
    settings = named(schedule={"batches": ["D", "G1"]}, client={"model": "cats_dogs"})
    assert told(check_models, settings) == [
        "OK model digits scores D",
        "OK model cats_dogs scores G1",
    ]


def test_many_batches_are_counted(home: Path) -> None:
    for number in range(20):
        (home / f"N{number:02}").mkdir()
    (finding,) = [line for line in told(check_models, named()) if "fashion scores" in line]
    shown = ", ".join(["G1", "G2", *(f"N{number:02}" for number in range(8))])
    assert finding == f"OK model fashion scores {shown} and 12 more"


def test_a_table_without_a_batch_is_a_slip_of_the_hand(home: Path) -> None:
    tables = {"d": {"model": "digits"}, "../D": {}, "G1/": {}, "D/../E": {}}
    settings = load_settings(batches=tables)
    nowhere = f"there is no folder {Path.cwd().parent / 'D'} or {home}/../D"
    assert told(check_models, settings) == [
        "OK model fashion scores 2026.11 ret, D, E, G1, G2",
        'FAIL model settings have [batches."d"]: written differently: write [batches."D"]',
        f'WARN model settings have [batches."../D"]: no batch ../D: {nowhere}',
        'WARN model settings have [batches."D/../E"]: that batch goes by another name: write'
        ' [batches."E"]',
    ]


@pytest.mark.slow
def test_a_server_that_somebody_keeps_up_has_what_it_has() -> None:
    models = (CODE_ROOT / "models" / "digits", BUNDLE)
    with running_server(load_settings(server={"models": models})) as url:
        away = {"client": {"server": url}, "schedule": {"start_server": False}}
        assert told(check_models, named(**away)) == [
            "OK model digits scores 2026.11 ret, D",
            f"FAIL model of E: the server at {url} does not serve hats; it has digits, fashion",
            "OK model digits scores G1, G2",
        ]
        findings = told(check_programs, named(**away))
    assert [finding.split()[2] for finding in findings] == ["digits", "fashion"]
    assert [finding.endswith("; scored a picture") for finding in findings] == [True, False]


@pytest.mark.slow
def test_every_model_of_the_night_is_rehearsed() -> None:
    """The server of the rehearsal has what tonight's will have; hats is told of elsewhere."""
    findings = told(check_programs, named())
    assert [finding.split()[:3] for finding in findings] == [
        ["OK", "bundle", "fashion"],
        ["OK", "bundle", "digits"],
    ]
    assert all(finding.endswith("; scored a picture") for finding in findings)


@pytest.mark.slow
@pytest.mark.parametrize("models", ["data/models", "elsewhere"])
def test_a_promoted_model_that_cannot_be_loaded_is_told(project: Path, models: str) -> None:
    """Another version serves the night then: nobody reads that of an OK."""
    settings = load_settings(paths={"models": models})
    current = project / models / "current.json"
    current.parent.mkdir(parents=True)
    current.write_text(orjson.dumps({"fashion": "ab" * 32}).decode())
    served, told_of = told(check_programs, settings)
    assert served.startswith("OK bundle fashion ")
    assert told_of.startswith("WARN bundle fashion: ")
    assert "not the promoted abababababab, which cannot be loaded" in told_of
    current.write_text('{"fashion": ')
    _, told_of = told(check_programs, settings)
    assert told_of.startswith("WARN bundle no retrained model serves: ")


@pytest.mark.slow
def test_a_model_that_cannot_be_loaded_fails(project: Path) -> None:
    broken = project / "models" / "hats"
    broken.mkdir(parents=True)
    signature = (BUNDLE / "signature.json").read_bytes()
    (broken / "signature.json").write_bytes(signature)
    settings = load_settings(server={"models": ["digits"]}, batches={"E": {"model": "fashion"}})
    (finding,) = told(check_programs, settings)
    assert finding.startswith("FAIL server ")
    assert str(broken) in finding


def test_a_threshold_of_no_class_or_no_model_is_told() -> None:
    assert told(check_thresholds, load_settings()) == []
    limits = {"fashion": {"*": 0.9, "Coat": 0.8, "Coats": 0.8}, "hats": {"*": 0.9}}
    first, second = told(check_thresholds, load_settings(monitoring={"thresholds": limits}))
    assert first.startswith("WARN thresholds fashion has no class 'Coats'; it has T-shirt/Top,")
    assert second == (
        'WARN thresholds settings have [monitoring.thresholds."hats"]: no such model is here'
    )


def test_classes_that_look_the_same_are_told(project: Path) -> None:
    assert told(check_labels, named()) == []
    document = orjson.loads((BUNDLE / "signature.json").read_bytes())
    del document["version"]
    labels = ["Hat", "Hat\u200b", *document["labels"][2:]]
    twins = project / "models" / "twins"
    twins.mkdir(parents=True)
    sealed = dump_signature(seal({**document, "name": "twins", "labels": labels}))
    (twins / "signature.json").write_bytes(sealed)
    text = (
        r"WARN model twins has classes that look the same, 'Hat' and 'Hat\u200b': teach it again"
        " with other names"
    )
    assert told(check_labels, load_settings(server={"models": ["twins"]})) == [text]
    assert told(check_labels, load_settings(batches={"E": {"model": "twins"}})) == [text]
