"""The network itself tuned on its data set and on what the desk said, from command to candidate."""

from __future__ import annotations

import argparse
import gzip
import json
import logging
import shutil
from pathlib import Path

import numpy as np
import pytest

from fashion_model import retrain, trainer
from fashion_model.calibrate import write_signature
from fashion_model.commands import STOPPED, load_split
from fashion_model.dataset.description import TRAIN_IMAGES, TRAIN_LABELS
from fashion_model.gate import GATE_FILE
from fashion_model.kept_features import features_of_split, read_features, write_features
from fashion_model.retraining.serving import read_facts
from scoring.inference.bundle import FEATURES_FILE, REFERENCE_FILE, Bundle, load_bundle
from scoring.inference.predictor import Predictor
from scoring.protocol.errors import ExitCode
from scoring.protocol.promoted import retrained_folder
from scoring.protocol.reference import Reference
from scoring.settings import Settings, load_settings
from tests.conftest import BUNDLE
from tests.fashion_model.idx_files import idx
from tests.fashion_model.retraining.conftest import (
    BAG,
    any_garments,
    as_the_model_sees,
    live_night,
    striped,
)

pytestmark = [
    # Keras 3.15 saves a model through a call that numpy 2 has deprecated.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]
PICTURES, HELD_OUT = 2_400, 240
Told = pytest.CaptureFixture[str]


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a data set: drawn pictures that are what the model says they are."""
    folder = tmp_path_factory.mktemp("data")
    seen = as_the_model_sees(load_bundle(BUNDLE), any_garments(PICTURES, 5))
    # Of each class there are some, for the gate asks for each.
    some = np.arange(0, PICTURES, 12)
    seen.labels[some] = np.arange(len(some)) % 10
    arrays = {TRAIN_IMAGES: seen.images[..., 0], TRAIN_LABELS: seen.labels.astype(np.uint8)}
    for name, array in arrays.items():
        (folder / name).write_bytes(gzip.compress(idx(array)))
    return folder


@pytest.fixture(scope="session")
def trained(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the default bundle with its float network, as if it had been trained on that."""
    folder = tmp_path_factory.mktemp("trained") / "fashion"
    folder.mkdir()
    for name in ("model.tflite", "model.keras", "head.npz", "signature.json"):
        shutil.copy(BUNDLE / name, folder / name)
    bundle = load_bundle(folder)
    _, split = load_split(argparse.Namespace(dataset="fashion", data=data, cache=None))
    digest = write_features(features_of_split(bundle, split, 200), folder)
    names = ("model.tflite", "model.keras", "head.npz")
    files = {**{name: bundle.signature.files[name] for name in names}, FEATURES_FILE: digest}
    write_signature(folder, bundle.signature.renewed(files=files))
    return folder


@pytest.fixture
def reviewed(project: Path, trained: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Return the settings of a project whose desk has judged striped pictures to be bags."""
    monkeypatch.setenv("SCORING_SERVER__MODELS", json.dumps([str(trained)]))
    for limit in ("LOSS_AT_400", "CLASS_LOSS", "FLAGGED_MORE", "CALIBRATION_LOSS", "SLOWER"):
        monkeypatch.setenv(f"SCORING_RETRAIN__{limit}", "100")
    settings = load_settings()
    for night in range(3):
        live_night(settings, load_bundle(trained), night)
    return settings


def share_of_bags(bundle: Bundle) -> float:
    predictor = Predictor(bundle, threads=1)
    said = predictor.predict(striped(100, 77).reshape(100, -1)).class_index
    predictor.close()
    return float((said == BAG).mean())


def error(told: Told) -> str:
    (line,) = (line for line in told.readouterr().err.splitlines() if line.startswith("error: "))
    return line


@pytest.mark.long
def test_a_killed_tuning_goes_on_to_a_candidate_that_serves(
    reviewed: Settings,
    trained: Path,
    data: Path,
    capsys: Told,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.INFO, "scoring.fashion_model")

    def killed(session: trainer.TrainingSession) -> None:
        whole_epoch(session)
        raise KeyboardInterrupt

    whole_epoch = trainer.TrainingSession.run_epoch
    with monkeypatch.context() as patch:
        patch.setattr(trainer.TrainingSession, "run_epoch", killed)
        assert retrain.main(["--deep", "--data", str(data)]) == STOPPED
    home = retrained_folder(reviewed)
    assert not home.exists()
    assert retrain.main(["--deep", "--data", str(data)]) == ExitCode.DONE
    assert "resumed at step " in caplog.text
    assert list(reviewed.path(Path("data/training")).iterdir()) == []
    before = load_bundle(trained)
    (version,) = (one.name for one in home.iterdir())
    after = load_bundle(home / version)
    # A network of its own, which knows the new kind.
    assert after.model != before.model
    assert after.reference == home / version / REFERENCE_FILE
    assert share_of_bags(after) > share_of_bags(before) + 0.3
    # All that the shallow way brings, of the same pictures.
    old, new = (read_features(one.folder, one) for one in (before, after))
    assert old.held_out == new.held_out
    assert not np.array_equal(old.of(1).features, new.of(1).features)
    content = after.held_out
    assert content is not None
    assert len(Reference.from_bytes(content, 10)) == HELD_OUT
    facts = read_facts(after.folder)
    assert facts is not None
    assert facts.steps > 0
    assert facts.base == before.signature.version
    assert json.loads((after.folder / GATE_FILE).read_text())["passed"] is True
    capsys.readouterr()
    assert retrain.main(["--promote"]) == ExitCode.DONE
    assert retrain.main(["--status"]) == ExitCode.DONE
    assert f"the network tuned for {facts.steps} steps" in capsys.readouterr().out
    # The next head is learnt on that network, and the next tuning finds the float one.
    live_night(reviewed, after, 3)
    assert retrain.main([]) == ExitCode.DONE
    assert retrain.main(["--promote"]) == ExitCode.DONE
    assert retrain.main(["--deep", "--data", str(data), "--steps", "1"]) == ExitCode.DONE


def test_another_data_set_is_refused(
    reviewed: Settings, data: Path, tmp_path: Path, capsys: Told
) -> None:
    """What is held out could have been learnt from."""
    for name in (TRAIN_IMAGES, TRAIN_LABELS):
        whole = gzip.decompress((data / name).read_bytes())
        size, header = (784, 16) if name == TRAIN_IMAGES else (1, 8)
        fewer = bytearray(whole[:-size])
        fewer[4:8] = (PICTURES - 1).to_bytes(4, "big")
        assert len(fewer) == header + size * (PICTURES - 1)
        (tmp_path / name).write_bytes(gzip.compress(bytes(fewer)))
    assert retrain.main(["--deep", "--data", str(tmp_path)]) == ExitCode.USAGE
    assert "name the folder that it was trained from with --data" in error(capsys)


def test_what_is_missing_is_told_before_the_work(
    reviewed: Settings, tmp_path: Path, capsys: Told
) -> None:
    assert retrain.main(["--deep", "--data", str(tmp_path / "nowhere")]) == ExitCode.USAGE
    assert "there is no such data folder" in error(capsys)
    assert retrain.main(["--deep", "--dataset", "clothing", "--data", str(tmp_path)]) == (
        ExitCode.USAGE
    )
    assert "name the model's own data set with --dataset" in error(capsys)


def test_without_the_float_network_it_is_told_where_to_get_one(
    reviewed: Settings, trained: Path, data: Path, tmp_path: Path, capsys: Told,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    served = shutil.copytree(trained, tmp_path / "fashion")
    (served / REFERENCE_FILE).unlink()
    monkeypatch.setenv("SCORING_SERVER__MODELS", json.dumps([str(served)]))
    assert retrain.main(["--deep", "--data", str(data)]) == ExitCode.USAGE
    assert "there is no model.keras to go on from" in error(capsys)


def test_without_tensorflow_it_is_told_what_to_install(
    reviewed: Settings, data: Path, capsys: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fashion_model.commands.is_installed", lambda name: name != "tensorflow")
    assert retrain.main(["--deep", "--data", str(data)]) == ExitCode.USAGE
    told = error(capsys)
    assert "needs tensorflow, which is not installed: " in told
    assert told.endswith("requirements.txt")


def test_only_a_tuning_reads_a_data_set(data: Path, capsys: Told) -> None:
    with pytest.raises(SystemExit) as stopped:
        retrain.main(["--data", str(data)])
    assert stopped.value.code == ExitCode.USAGE
    assert "--data: only --deep reads a data set" in capsys.readouterr().err
