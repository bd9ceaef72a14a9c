"""The commands as a person runs them: exit codes, output, help."""

import importlib
from pathlib import Path

import pytest

from fashion_model import evaluate
from fashion_model.dataset.description import CATS_DOGS, DIGITS, FASHION
from tests.fashion_model.idx_files import write_idx

ROOT = Path(__file__).parents[2]
COMMANDS = ("train", "export", "calibrate", "evaluate", "batch", "reseal")


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
    assert module.main(["--data", str(tmp_path / "nothing")]) == 1
    assert "there is no such data folder" in capsys.readouterr().err


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


def test_evaluate_needs_the_split_it_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_idx(tmp_path, "train")
    assert evaluate.main(["--data", str(tmp_path), "--split", "test"]) == 1
    assert "has no images for --split test" in capsys.readouterr().err


def test_speed_is_measured_beside_a_plain_network() -> None:
    network = evaluate.plain_network((28, 28, 1), 10)
    assert network.count_params() == pytest.approx(420_000, rel=0.02)


def test_the_descriptions_fit_together() -> None:
    assert len({known.name for known in (FASHION, DIGITS, CATS_DOGS)}) == 3
    assert CATS_DOGS.labels == ()
