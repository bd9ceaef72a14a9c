"""A pretrained network tuned on made-up photographs, from the command to the figures."""

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from fashion_model import evaluate, train
from fashion_model.commands import LEAST_PEOPLE, LEAST_PICTURES
from fashion_model.dataset import description as known
from fashion_model.dataset.description import Crops, DatasetDescription, Pretrained
from fashion_model.dataset.people import Fold
from fashion_model.dataset.readers import LabelledImages
from fashion_model.dataset.split import Split, split_data
from fashion_model.job import Job
from fashion_model.photographs.start import starting_weights
from fashion_model.trainer import TrainingSession
from scoring.inference.bundle import load_bundle
from scoring.protocol.signature import InputSpec

pytestmark = [
    pytest.mark.long,
    # Keras 3.15 saves a model through a call that numpy 2 has deprecated.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

SIDE, PEOPLE = 64, 12
RECIPE = dataclasses.replace(
    known.TUNING, steps=6, batch=8, augmentation=Crops(side=SIDE, source_side=72)
)
TOYS = dataclasses.replace(
    known.CLOTHING,
    name="toys",
    labels=("ball", "brick"),
    input=InputSpec((SIDE, SIDE, 3), "uint8", known.FROM_ZERO),
    architecture=Pretrained(first_block=14),
    recipe=RECIPE,
)


def toy(label: int, person: int, number: int, side: int) -> NDArray[np.uint8]:
    """Draw a ball or a brick on a person's own floor."""
    floor = np.random.default_rng(person).integers(60, 200, (6, 6, 3), np.uint8)
    picture = cv2.resize(floor, (side, side), interpolation=cv2.INTER_LINEAR)
    random = np.random.default_rng((person, number, label))
    colour = [int(level) for level in random.integers(0, 256, 3)]
    x, y = (int(place) for place in random.integers(side * 2 // 5, side * 3 // 5, 2))
    reach = side // 4
    if label == 0:
        cv2.circle(picture, (x, y), reach, colour, -1)
    else:
        cv2.rectangle(picture, (x - reach, y - reach // 2), (x + reach, y + reach // 2), colour, -1)
    return np.asarray(picture, np.uint8)


def write_toys(folder: Path) -> None:
    """Write so many that a fourth of the people is enough to calibrate with."""
    people, each = 4 * LEAST_PEOPLE, LEAST_PICTURES // LEAST_PEOPLE
    rows = ["image,person"]
    for place in range(people * each):
        person, number = place % people, place // people
        label = number % 2
        path = folder / TOYS.labels[label] / f"{place}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(cv2.imencode(".png", toy(label, person, number, 90))[1].tobytes())
        rows.append(f"{path.parent.name}/{path.name},{person}")
    (folder / "people.csv").write_text("\n".join(rows) + "\n")
    other = folder / "car"
    other.mkdir()
    (other / "1.png").write_bytes(cv2.imencode(".png", toy(0, 99, 0, 90))[1].tobytes())


def drawn(side: int) -> Split:
    """Return the split of toys in memory."""
    places = np.arange(PEOPLE * 6)
    people, labels = places % PEOPLE, places % 2
    images = [toy(k % 2, k % PEOPLE, k // PEOPLE, side) for k in places.tolist()]
    return split_data(LabelledImages(np.stack(images), labels, people), Fold(1, 4))


def job(state_file: Path) -> Job:
    return Job(TOYS.input, 2, TOYS.architecture, RECIPE, 0, "float32", state_file)


def test_one_command_makes_a_bundle_and_another_its_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(known.KNOWN, "clothing", TOYS)
    write_toys(tmp_path / "toys")
    data = ["--dataset", "clothing", "--data", str(tmp_path / "toys")]
    out, state = str(tmp_path / "bundle"), str(tmp_path / "state.npz")
    assert train.main([*data, "--fold", "2/4", "--out", out, "--state", state]) == 0
    bundle = load_bundle(tmp_path / "bundle")
    assert bundle.signature.labels == ("ball", "brick")
    assert bool(bundle.head.relative)
    assert bundle.head.whitening.shape == (1280, 1281)
    assert bundle.signature.figures["agreement"] >= 0.8
    capsys.readouterr()
    arguments = ["--bundle", out, "--no-speed", "--photos", str(tmp_path / "toys" / "car")]
    assert evaluate.main([*data, *arguments]) == 0
    output = capsys.readouterr().out
    assert f"{'of people':42} {LEAST_PEOPLE}\n" in output
    for name in ("95 % interval", "not flagged", "called strange", "AUROC photographs"):
        assert name in output
    assert evaluate.main([*data, *arguments, "--fold", "1/4"]) == 0
    assert "was trained with most people of fold 1/4; its own is 2/4" in capsys.readouterr().err


def test_a_killed_tuning_goes_on_as_if_it_had_not_stopped(tmp_path: Path) -> None:
    large = drawn(72)
    small = drawn(SIDE)
    split = dataclasses.replace(large, fit=small.fit)
    begun = starting_weights(TOYS, small.train)

    def session(name: str) -> TrainingSession:
        return TrainingSession(job(tmp_path / name), split, lambda: begun)

    whole = session("whole.npz")
    whole.run_epoch()
    whole.run_epoch()
    session("killed.npz").run_epoch()
    resumed = TrainingSession(job(tmp_path / "killed.npz"), split, None)
    assert resumed.state.epoch == 1
    resumed.run_epoch()
    pairs = zip(whole.network.get_weights(), resumed.network.get_weights(), strict=True)
    assert all(np.array_equal(one, other) for one, other in pairs)


def test_the_first_head_already_tells_the_classes(tmp_path: Path) -> None:
    small = drawn(SIDE)
    session = TrainingSession(
        job(tmp_path / "state.npz"), small, lambda: starting_weights(TOYS, small.train)
    )
    logits = np.asarray(session.network(small.measure.images.astype(np.float32), training=False))
    assert (logits.argmax(axis=1) == small.measure.labels).mean() >= 0.8


def described() -> list[DatasetDescription]:
    return [one for one in known.KNOWN.values() if isinstance(one.architecture, Pretrained)]


@pytest.mark.parametrize("one", described(), ids=lambda one: one.name)
def test_cut_outs_are_what_the_network_takes(one: DatasetDescription) -> None:
    plan = one.recipe.augmentation
    assert isinstance(plan, Crops)
    assert one.input.shape == (plan.side, plan.side, 3)
    assert plan.source_side >= plan.side
