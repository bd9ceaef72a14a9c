"""The network itself tuned on a shop's pictures, from the command to the bundle."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path

import pytest

from fashion_model import teach, trainer
from fashion_model.commands import STOPPED
from fashion_model.dataset import description as known
from fashion_model.dataset.description import Crops, Pretrained
from fashion_model.teaching.backbones import Backbone
from scoring.inference.bundle import load_bundle
from scoring.inference.predictor import Predictor
from scoring.protocol.errors import ExitCode
from scoring.protocol.signature import InputSpec
from tests.fashion_model.teaching.shop import TINY, blunted

pytestmark = [
    pytest.mark.long,
    # Keras 3.15 saves a model through a call that numpy 2 has deprecated.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

SIDE = 64


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a project's folder where tuning goes by the plan for photographs, made small."""
    from fashion_model.teaching import deep

    plan = dataclasses.replace(
        known.CLOTHING,
        input=InputSpec((SIDE, SIDE, 3), "uint8", known.FROM_ZERO),
        architecture=Pretrained(first_block=14),
        recipe=dataclasses.replace(
            known.TUNING, batch=8, augmentation=Crops(side=SIDE, source_side=72)
        ),
    )
    monkeypatch.setattr(deep, "PLAN", plan)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models" / "backbones").mkdir(parents=True)
    (tmp_path / "blunt.tflite").write_bytes(blunted(TINY.read_bytes()))
    return tmp_path


def run(things: Path, backbone: Path, *more: str) -> int:
    return teach.main([str(things), "--name", "shop", "--backbone", str(backbone), "--deep", *more])


def test_a_better_network_takes_the_frozen_ones_place(
    things: Path, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The frozen network is all but blind; ImageNet's is not."""
    assert run(things, project / "blunt.tflite", "--steps", "8") == ExitCode.DONE
    said = capsys.readouterr().out
    frozen, _, tuned = said.partition("the network itself was tuned on ")
    assert "photographs of 3 classes" in frozen
    assert "shop: version" in frozen
    assert "for 8 steps, from ImageNet's weights" in tuned
    assert "the tuned network takes the frozen one's place" in tuned
    bundle = load_bundle(project / "models" / "shop")
    assert bundle.signature.version in tuned
    assert bundle.signature.input.shape == (SIDE, SIDE, 3)
    assert bundle.signature.figures["accuracy"] > 0.8
    assert 6 <= bundle.signature.figures["measured_images"] <= 12
    assert bundle.reference is None
    Predictor(bundle, threads=1).close()
    card = (project / "models" / "shop" / "README.md").read_text(encoding="utf-8")
    assert "were trained together, on " in card
    # Where networks are shared, the next lesson would find one that knows its pictures by heart.
    shared = [Backbone(path).digest for path in (project / "models" / "backbones").iterdir()]
    assert bundle.signature.files["model.tflite"] not in shared
    assert list((project / "data" / "training").iterdir()) == []


def test_a_killed_training_leaves_the_frozen_bundle_and_goes_on(
    things: Path,
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.INFO, "scoring.fashion_model")

    def killed(session: trainer.TrainingSession) -> None:
        whole_epoch(session)
        raise KeyboardInterrupt

    whole_epoch = trainer.TrainingSession.run_epoch
    with monkeypatch.context() as patch:
        patch.setattr(trainer.TrainingSession, "run_epoch", killed)
        assert run(things, TINY, "--steps", "6") == STOPPED
    assert "6 steps to go, about " in caplog.text
    frozen = load_bundle(project / "models" / "shop").signature
    assert frozen.files["model.tflite"] == Backbone(TINY).digest
    assert list((project / "data" / "training").glob("shop-deep-*.npz"))
    assert run(things, TINY, "--steps", "6") == ExitCode.DONE
    assert "resumed at step 4, epoch 2" in caplog.text
    assert "2 steps to go, about " in caplog.text
    # The stand-in knows these things so well that little is to be gained.
    assert "stays as it is, with the frozen one" in capsys.readouterr().out
    files = load_bundle(project / "models" / "shop").signature.files
    assert files["model.tflite"] == Backbone(TINY).digest
