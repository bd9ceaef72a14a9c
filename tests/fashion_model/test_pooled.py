"""Figures over bundles, each on the people it has not seen."""

import hashlib
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from fashion_model import pooled
from fashion_model.bundle_files import share_backbone
from fashion_model.calibrate import write_signature
from fashion_model.dataset.description import Goals
from fashion_model.dataset.people import person_folds
from scoring.inference.bundle import load_bundle
from scoring.protocol.errors import ExitCode
from scoring.protocol.reference import Reference
from scoring.protocol.signature import REFERENCE_NAME
from scoring.settings import CODE_ROOT

PEOPLE, PICTURES = 9, 54


def pets(folder: Path) -> None:
    """Write pictures of nothing in particular by nine people."""
    rows = ["image,person"]
    random = np.random.default_rng(0)
    for number in range(PICTURES):
        name = f"{('cats', 'dogs')[number % 2]}/{number}.png"
        cells = random.integers(0, 256, (5, 5, 3), np.uint8)
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        picture = cv2.resize(cells, (90, 90), interpolation=cv2.INTER_CUBIC)
        (folder / name).write_bytes(cv2.imencode(".png", picture)[1].tobytes())
        rows.append(f"{name},{number % PEOPLE}")
    (folder / "people.csv").write_text("\n".join(rows) + "\n")


def bundle(folder: Path, **figures: float) -> str:
    """Make a bundle in ``folder`` whose signature has these figures."""
    source = load_bundle(CODE_ROOT / "models" / "cats_dogs")
    shutil.copytree(source.folder, folder)
    share_backbone(folder, source.model)
    write_signature(folder, load_bundle(folder).signature.renewed(figures=figures))
    return str(folder)


def run(data: Path, *arguments: str) -> int:
    return pooled.main(["--dataset", "cats_dogs", "--data", str(data), *arguments])


def test_each_bundle_answers_for_its_own_people(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pets(tmp_path / "pets")
    folds = [bundle(tmp_path / f"fold{k}", fold=k, folds=3) for k in (1, 2, 3)]
    final = bundle(tmp_path / "final", fold=2, folds=3, accuracy=0.5, measured_images=7.0)
    before = load_bundle(tmp_path / "final").signature
    assert run(tmp_path / "pets", "--bundles", *folds, "--into", final) == ExitCode.DONE
    output = capsys.readouterr().out
    # Each person is held out of two trainings, of one to measure with, of one to choose with.
    assert f"{'images':42} {2 * PICTURES}\n" in output
    assert f"{'of people':42} {PEOPLE}\n" in output
    assert [f"{folder:42} " in output for folder in folds] == [True] * 3
    after = load_bundle(tmp_path / "final").signature
    assert f"{final}: version {after.version}\n" in output
    assert after.temperature != before.temperature
    assert after.thresholds != before.thresholds
    held_out = load_bundle(tmp_path / "final").held_out
    assert held_out
    reference = Reference.from_bytes(held_out, len(after.labels))
    assert len(reference) == 2 * PICTURES
    assert len(np.unique(reference.group)) == PEOPLE
    assert {**before.files, REFERENCE_NAME: hashlib.sha256(held_out).hexdigest()} == after.files
    # What it says of itself is measured anew, on its own people, by what was chosen.
    assert after.figures["measured_images"] == PICTURES / 3
    assert (after.figures["fold"], after.figures["folds"]) == (2, 3)
    assert after.reference != before.reference


def test_thresholds_are_judged_by_people_they_were_not_chosen_with() -> None:
    people = np.repeat(np.arange(40), 10)
    labels = np.tile(np.arange(2), 200)
    sure = np.random.default_rng(0).uniform(0.5, 4.0, 400)
    logits = np.where(np.arange(2) == labels[:, None], sure[:, None], 0.0)
    scores = np.random.default_rng(1).uniform(0.0, 1.0, 400)
    seen = pooled.Answers(labels, people, logits, scores, np.zeros((400, 3)))
    goals = Goals(right=0.98, sureness=0.7, strange=0.05)
    judged = pooled.judge_across(seen, goals)
    half = person_folds(labels, people, 2) == 0
    alone = pooled.judge(seen.take(half), *pooled.chosen_by(seen.take(~half), goals))
    assert judged.kept[: half.sum()].tolist() == alone.kept.tolist()
    assert len(judged.kept) == len(people)


def test_few_answers_calibrate_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pets(tmp_path / "pets")
    fold = bundle(tmp_path / "fold", fold=1, folds=3)
    before = (tmp_path / "fold" / "signature.json").read_bytes()
    assert run(tmp_path / "pets", "--bundles", fold, "--into", fold) == ExitCode.USAGE
    assert "only 36 pictures are held out" in capsys.readouterr().err
    assert (tmp_path / "fold" / "signature.json").read_bytes() == before


def test_a_bundle_that_does_not_say_whom_it_has_not_seen_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pets(tmp_path / "pets")
    assert run(tmp_path / "pets", "--bundles", bundle(tmp_path / "plain")) == ExitCode.USAGE
    assert "plain: does not say which people it has not seen" in capsys.readouterr().err
