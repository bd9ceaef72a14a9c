"""The commands as a person runs them: exit codes, output, help."""

import importlib
import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from fashion_model import evaluate, export, pooled, train
from fashion_model.bundle_files import share_backbone
from fashion_model.commands import decoder
from fashion_model.dataset.description import (
    CATS_DOGS,
    DIGITS,
    FASHION,
    FROM_ZERO,
    Architecture,
    DataError,
    Stage,
)
from fashion_model.dataset.readers import LabelledImages
from fashion_model.network import build_network
from fashion_model.strangers import idx_strangers, photo_strangers
from scoring.protocol.errors import ExitCode
from scoring.protocol.signature import InputSpec
from tests.fashion_model.idx_files import IMAGES, write_idx

ROOT = Path(__file__).parents[2]
COMMANDS = ("train", "export", "calibrate", "evaluate", "batch", "reseal", "teach")


@pytest.mark.parametrize("command", COMMANDS)
def test_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    module = importlib.import_module(f"fashion_model.{command}")
    with pytest.raises(SystemExit) as ended:
        module.main(["--help"])
    assert ended.value.code == 0
    assert f"python -m fashion_model.{command}" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["train", "calibrate", "evaluate"])
def test_missing_data_is_one_line(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    module = importlib.import_module(f"fashion_model.{command}")
    assert module.main(["--data", str(tmp_path / "nothing")]) == ExitCode.USAGE
    assert "there is no such data folder" in capsys.readouterr().err


@pytest.mark.slow
def test_evaluate_prints_its_figures_and_draws(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_idx(tmp_path, "t10k")
    pictures = tmp_path / "pictures"
    arguments = ["--data", str(tmp_path), "--split", "test", "--no-speed"]
    assert evaluate.main([*arguments, "--pictures", str(pictures)]) == 0
    output = capsys.readouterr().out
    for name in ("accuracy int8 (served)", "agreement int8/fp32", "calibration error", "AUROC"):
        assert name in output
    assert sorted(path.name for path in pictures.iterdir()) == ["confusion.png", "reliability.png"]


def test_a_bundle_without_its_reference_is_measured_all_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its network lies beside it, as one that was taught has it."""
    folder = tmp_path / "models" / "shop"
    folder.mkdir(parents=True)
    for name in ("signature.json", "head.npz"):
        shutil.copy(ROOT / "fashion_model" / name, folder / name)
    share_backbone(folder, (ROOT / "fashion_model" / "model.tflite").read_bytes())
    write_idx(tmp_path, "t10k")
    arguments = ["--data", str(tmp_path), "--split", "test", "--no-speed"]
    assert evaluate.main([*arguments, "--bundle", str(folder)]) == 0
    told = capsys.readouterr()
    assert f"{folder} has no model.keras to compare with\n" in told.err
    assert "accuracy int8 (served)" in told.out
    assert "agreement int8/fp32" not in told.out


def test_evaluate_needs_the_split_it_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_idx(tmp_path, "train")
    assert evaluate.main(["--data", str(tmp_path), "--split", "test"]) == ExitCode.USAGE
    assert "has no images for --split test" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["calibrate", "evaluate"])
@pytest.mark.parametrize(
    ("bundle", "told"),
    [
        ("models/digits", "the data set fashion has the classes T-shirt/Top, Trouser"),
        ("models/cats_dogs", r"has images of \(28, 28, 1\), the model takes \(224, 224, 3\)"),
    ],
)
def test_a_bundle_is_not_measured_with_another_models_images(
    command: str, bundle: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_idx(tmp_path, "train")
    before = (ROOT / bundle / "signature.json").read_bytes()
    module = importlib.import_module(f"fashion_model.{command}")
    arguments = ["--data", str(tmp_path), "--bundle", str(ROOT / bundle)]
    assert module.main(arguments) == ExitCode.USAGE
    assert re.search(told, capsys.readouterr().err)
    assert (ROOT / bundle / "signature.json").read_bytes() == before


@pytest.mark.parametrize(
    ("command", "flags"),
    [
        ("train", ["--steps", "0"]),
        ("train", ["--steps", "many"]),
        ("train", ["--rate", "nan"]),
        ("train", ["--rate", "-1"]),
        ("train", ["--seed", "-1"]),
        ("train", ["--name", "../fashion"]),
        ("train", ["--name", "CON"]),
        ("batch", ["--out", "nowhere", "--count", "0"]),
        ("batch", ["--out", "nowhere", "--count", "-5"]),
        ("batch", ["--out", "nowhere", "--seed", "-1"]),
    ],
)
def test_a_wrong_flag_is_told_before_the_work(
    command: str, flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    module = importlib.import_module(f"fashion_model.{command}")
    with pytest.raises(SystemExit) as ended:
        module.main(flags)
    assert ended.value.code == ExitCode.USAGE
    assert f"argument {flags[-2]}: {flags[-1]!r}" in capsys.readouterr().err


def test_too_few_images_are_told_before_the_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_idx(tmp_path, "train")
    where = ["--data", str(tmp_path), "--out", str(tmp_path / "out")]
    assert train.main([*where, "--dataset", "digits"]) == ExitCode.USAGE
    assert "16 images to train with; a step takes 128" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    few = LabelledImages(np.zeros((2, 28, 28, 1), np.uint8), np.array([1, 3]))
    with pytest.raises(DataError, match="no image to train with of: 0, 2, 4, 5, 6, 7, 8, 9"):
        train.require_enough(few, DIGITS)


@pytest.mark.parametrize(
    ("network", "told"),
    [
        ("model.keras", "there is no such network; a bundle may come without its own"),
        ("digits/signature.json", "there is no network that can be read"),
    ],
)
def test_export_refuses_another_network(
    network: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_idx(tmp_path, "train")
    where = ["--data", str(tmp_path), "--out", str(tmp_path / "out")]
    assert export.main(["--model", str(ROOT / "models" / network), *where]) == ExitCode.USAGE
    assert told in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_export_refuses_a_network_of_another_shape(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_idx(tmp_path, "train")
    plan = Architecture(8, (Stage(8, 1, 2),))
    build_network(InputSpec((12, 12, 1), "uint8", FROM_ZERO), 3, plan).save(
        tmp_path / "other.keras"
    )
    where = ["--data", str(tmp_path), "--out", str(tmp_path / "out")]
    assert export.main(["--model", str(tmp_path / "other.keras"), *where]) == ExitCode.USAGE
    assert "the network takes (None, 12, 12, 1) and gives (None, 3)" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 and no more", b"text"])
def test_export_refuses_what_is_no_state(
    content: bytes | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_idx(tmp_path, "train")
    state = tmp_path / "state.npz"
    if content is not None:
        state.write_bytes(content)
    where = ["--data", str(tmp_path), "--out", str(tmp_path / "out")]
    assert export.main(["--state", str(state), *where]) == ExitCode.USAGE
    assert "state.npz: " in capsys.readouterr().err


@pytest.mark.parametrize("command", ["calibrate", "evaluate", "pooled", "train", "reseal"])
@pytest.mark.parametrize(
    ("bundle", "told"),
    [
        ("nowhere", "there is no such model folder"),
        ("models", "signature.json: the file is missing"),
        ("models/backbones", "holds networks that bundles share and is no bundle"),
        ("pyproject.toml", "there is no such model folder"),
    ],
)
def test_what_is_named_as_a_bundle_and_is_none_is_a_usage_error(
    command: str, bundle: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flag = {"pooled": "--bundles", "train": "--teacher"}.get(command, "--bundle")
    data = [] if command == "reseal" else ["--data", str(tmp_path / "nothing")]
    out = ["--out", str(tmp_path / "out")] if command == "train" else []
    module = importlib.import_module(f"fashion_model.{command}")
    assert module.main([flag, str(ROOT / bundle), *data, *out]) == ExitCode.USAGE
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    # Before the data, which may take minutes.
    assert told in said


def test_a_bundle_to_calibrate_is_looked_at_before_the_others_answer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--bundles", str(ROOT / "fashion_model"), "--data", str(tmp_path / "nothing")]
    assert pooled.main([*arguments, "--into", str(tmp_path / "none")]) == ExitCode.USAGE
    assert "none: there is no such model folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--teacher", "fashion_model", "--dataset", "digits"], "recipe of digits has no teacher"),
        (["--start", "none.keras"], "none.keras: there is no such network"),
    ],
)
def test_what_cannot_be_learnt_from_is_told_before_the_data_are_read(
    flags: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--data", str(tmp_path / "nothing"), "--out", str(tmp_path / "out")]
    assert train.main([*where, *flags]) == ExitCode.USAGE
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("flag", ["--garments", "--photos", "--digits", "--pictures"])
def test_what_is_measured_beside_the_data_is_looked_at_first(
    flag: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = ["--data", str(tmp_path / "nothing")]
    (tmp_path / "file").write_bytes(b"text")
    assert evaluate.main([*data, flag, str(tmp_path / "file" / "in")]) == ExitCode.USAGE
    assert capsys.readouterr().err.startswith(f"error: {tmp_path / 'file'}")
    assert evaluate.main([*data, flag, str(tmp_path / "file")]) == ExitCode.USAGE
    assert capsys.readouterr().err.startswith(f"error: {tmp_path / 'file'}: ")
    if flag != "--pictures":
        # A folder that has nothing of the kind in it.
        assert evaluate.main([*data, flag, str(tmp_path)]) == ExitCode.USAGE
        assert capsys.readouterr().err.startswith(f"error: {tmp_path}: ")


@pytest.mark.parametrize("command", ["train", "export"])
def test_a_bundle_cannot_be_made_below_a_file(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_bytes(b"text")
    state = ["--state", str(tmp_path / "state")] if command == "export" else []
    main = {"train": train.main, "export": export.main}[command]
    assert main(["--out", str(tmp_path / "file" / "in"), *state]) == ExitCode.USAGE
    assert (
        capsys.readouterr().err == f"error: {tmp_path / 'file'}: is a file; --out names a folder\n"
    )


def test_a_download_is_not_asked_for_where_the_data_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        evaluate.main(["--data", str(tmp_path), "--address", "http://127.0.0.1:9/"])
    assert ended.value.code == ExitCode.USAGE
    assert "not allowed with argument --data" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["calibrate", "evaluate"])
def test_a_fold_of_people_whom_nobody_knows_is_refused(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_idx(tmp_path, "train")
    module = importlib.import_module(f"fashion_model.{command}")
    assert module.main(["--data", str(tmp_path), "--fold", "1/3"]) == ExitCode.USAGE
    assert "--fold 1/3: nothing says whose pictures these are" in capsys.readouterr().err


def test_a_photograph_that_cannot_be_read_is_no_stranger(tmp_path: Path) -> None:
    (tmp_path / "torn.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    cv2.imwrite(str(tmp_path / "whole.png"), np.zeros((40, 40, 3), np.uint8))
    assert len(photo_strangers(tmp_path, (224, 224, 3), decoder(CATS_DOGS))) == 1
    assert len(photo_strangers(tmp_path, (28, 28, 1))) == 1


def test_strangers_take_the_models_shape(tmp_path: Path) -> None:
    write_idx(tmp_path, "train", compress=False)
    assert idx_strangers(tmp_path, (28, 28, 1)).tolist() == IMAGES.reshape(20, 784).tolist()
    assert idx_strangers(tmp_path, (30, 20, 3)).shape == (20, 30 * 20 * 3)
    with pytest.raises(DataError, match="there is no train-images"):
        idx_strangers(tmp_path / "nowhere", (28, 28, 1))
    with pytest.raises(DataError, match="no photographs"):
        photo_strangers(tmp_path, (28, 28, 1))


def test_speed_is_measured_beside_a_plain_network() -> None:
    network = evaluate.plain_network((28, 28, 1), 10)
    assert network.count_params() == pytest.approx(420_000, rel=0.02)


def test_the_descriptions_fit_together() -> None:
    assert len({known.name for known in (FASHION, DIGITS, CATS_DOGS)}) == 3
    assert CATS_DOGS.labels == ()


@pytest.mark.parametrize("command", ["train", "export"])
@pytest.mark.parametrize("out", ["backbones", "photographs", "file"])
def test_a_folder_that_no_bundle_may_be_in_is_told_before_the_work(
    tmp_path: Path, command: str, out: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "backbones").mkdir()
    (tmp_path / "photographs" / "hat").mkdir(parents=True)
    (tmp_path / "file").write_bytes(b"")
    before = sorted(tmp_path.rglob("*"))
    arguments = ["--data", str(tmp_path / "none"), "--out", str(tmp_path / out)]
    state = ["--state", str(tmp_path / "state")] if command == "export" else []
    main = {"train": train.main, "export": export.main}[command]
    assert main([*arguments, *state]) == ExitCode.USAGE
    assert capsys.readouterr().err.startswith(f"error: {tmp_path / out}: ")
    assert sorted(tmp_path.rglob("*")) == before
