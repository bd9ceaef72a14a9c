"""A bundle's signature changed by command: verified as a whole first, else nothing is written."""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from msgspec.structs import replace

from fashion_model import reseal
from scoring.inference.bundle import load_bundle
from scoring.protocol.errors import ExitCode
from scoring.protocol.signature import (
    REFERENCE_NAME,
    PreprocessingRef,
    compute_version,
    dump_signature,
    parse_signature,
)

ROOT = Path(__file__).parents[2]
FILES = ("signature.json", "model.tflite", "model.keras", "head.npz")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a copy of the committed default bundle."""
    copied = tmp_path / "bundle"
    copied.mkdir()
    for name in FILES:
        shutil.copy(ROOT / "fashion_model" / name, copied / name)
    return copied


@pytest.fixture
def refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Return a call that reseals in vain: one line is told and no file is touched."""

    def call(*arguments: str) -> str:
        before = {path.name: path.read_bytes() for path in folder.iterdir()}
        code = reseal.main(["--bundle", str(folder), *arguments])
        assert code in (ExitCode.FAILED, ExitCode.USAGE)
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
        # LiteRT says on stderr that it is there.
        told = [line for line in capsys.readouterr().err.splitlines() if "INFO" not in line]
        assert len(told) == 1
        assert told[0].startswith("error: ")
        return told[0]

    return call


def test_another_preprocessing_and_nothing_else(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = load_bundle(folder).signature
    assert reseal.main(["--bundle", str(folder), "--preprocessing", "garment:1"]) == 0
    after = load_bundle(folder).signature
    assert after.preprocessing == PreprocessingRef("garment", 1)
    assert after.version != before.version
    assert after.version in capsys.readouterr().out
    unversioned = replace(after, preprocessing=before.preprocessing, version=before.version)
    assert unversioned == before
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)


def test_words_and_thresholds(folder: Path) -> None:
    sets = ["review.outlier=no garment?", "thresholds.confidence=0.5", "note=", "purpose=5"]
    flags = [part for text in sets for part in ("--set", text)]
    assert reseal.main(["--bundle", str(folder), *flags]) == 0
    after = load_bundle(folder).signature
    assert after.review.outlier == "no garment?"
    assert after.review.low_confidence == "low confidence"
    assert after.thresholds.confidence == 0.5
    assert (after.note, after.purpose) == ("", "5")


def test_no_reference_has_confidences_at_another_temperature(folder: Path) -> None:
    shutil.copy(ROOT / "fashion_model" / REFERENCE_NAME, folder)
    assert reseal.main(["--bundle", str(folder), "--set", "thresholds.confidence=0.5"]) == 0
    assert load_bundle(folder).held_out is not None
    assert reseal.main(["--bundle", str(folder), "--set", "temperature=1.5"]) == 0
    assert load_bundle(folder).held_out is None


def test_back_again_gives_the_same_bytes(folder: Path) -> None:
    before = (folder / "signature.json").read_bytes()
    for version in ("1", "2"):
        assert reseal.main(["--bundle", str(folder), "--preprocessing", f"garment:{version}"]) == 0
    assert (folder / "signature.json").read_bytes() == before


def test_a_bundle_of_format_1_is_served_and_brought_to_the_present_one(folder: Path) -> None:
    document: dict[str, Any] = orjson.loads((folder / "signature.json").read_bytes())
    for entry in ("purpose", "note", "review"):
        del document[entry]
    del document["input"]["columns"]
    document["format"] = 1
    document["version"] = compute_version(document)
    (folder / "signature.json").write_bytes(orjson.dumps(document))
    older = load_bundle(folder).signature
    assert older.version == document["version"]
    assert reseal.main(["--bundle", str(folder), "--set", "review.outlier=not a garment?"]) == 0
    newer = load_bundle(folder).signature
    assert (newer.format, newer.review.outlier) == (2, "not a garment?")
    assert (newer.labels, newer.thresholds) == (older.labels, older.thresholds)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--preprocessing", "garment:9"], "no preprocessing 'garment' version 9; there is: "),
        (["--preprocessing", "hat:1"], "no preprocessing 'hat'"),
        (["--preprocessing", "photo:1"], "preprocessing photo 1 does not fit this model: "),
        (["--set", "thresholds.confidence=1.5"], "thresholds.confidence 1.5: should be at most 1"),
        (["--set", "thresholds.confidence=-0.1"], "confidence -0.1: should be at least 0"),
        (["--set", "thresholds.outlier_score=null"], "outlier_score None: should be a number"),
        (["--set", "temperature=0"], "temperature 0: should be at least"),
        (["--set", 'labels=["a","b"]'], "there are 2 labels, and reference.class_shares for 10"),
        (["--set", "name=../x"], "name '../x': 1 to 64 letters"),
        (["--set", "name=nul"], "name 'nul': a name has letters"),
        (["--set", "review.outlier=a; b"], "several reasons stand in one cell"),
        (["--set", "note=two\nlines"], "has a control character or a line break"),
    ],
)
def test_refuses_what_could_not_be_served(
    refused: Callable[..., str], arguments: list[str], told: str
) -> None:
    assert told in refused(*arguments)


@pytest.mark.parametrize(
    "text", ["format=3", "files={}", "colour=red", "temperature=NaN", "labels=[", "note", "=1"]
)
def test_an_entry_that_cannot_be_set_is_a_wrong_flag(
    folder: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        reseal.main(["--bundle", str(folder), "--set", text])
    assert ended.value.code == ExitCode.USAGE
    assert "argument --set: " in capsys.readouterr().err


def test_refuses_a_damaged_bundle(folder: Path, refused: Callable[..., str]) -> None:
    (folder / "model.tflite").write_bytes(b"nothing")
    assert "model.tflite: SHA-256 is " in refused()
    (folder / "signature.json").unlink()
    assert "signature.json: the file is missing" in refused()


def test_refuses_a_head_that_answers_with_no_number(
    folder: Path, refused: Callable[..., str]
) -> None:
    with np.load(folder / "head.npz") as head:
        arrays = dict(head)
    np.savez(folder / "head.npz", **{**arrays, "bias": np.full(10, np.nan, np.float32)})
    before = parse_signature((folder / "signature.json").read_bytes())
    digest = hashlib.sha256((folder / "head.npz").read_bytes()).hexdigest()
    forged = before.renewed(files={**before.files, "head.npz": digest})
    (folder / "signature.json").write_bytes(dump_signature(forged))
    refused("--set", "note=new")


def test_a_bundle_whose_network_lies_beside_it(folder: Path) -> None:
    """And that came without its reference: neither is made up for it."""
    digest = hashlib.sha256((folder / "model.tflite").read_bytes()).hexdigest()
    (folder.parent / "backbones").mkdir()
    (folder / "model.tflite").rename(folder.parent / "backbones" / f"{digest}.tflite")
    (folder / "model.keras").unlink()
    assert reseal.main(["--bundle", str(folder), "--set", "note=shared"]) == 0
    assert load_bundle(folder).signature.note == "shared"
    assert sorted(path.name for path in folder.iterdir()) == ["head.npz", "signature.json"]
