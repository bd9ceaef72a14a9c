"""The command: from reviews to a model that serves, and back; what is refused is told."""

import json
from contextlib import closing
from pathlib import Path

import pytest

from fashion_model import retrain
from fashion_model.gate import GATE_FILE
from scoring.inference.bundle import load_bundle
from scoring.protocol.errors import ExitCode
from scoring.protocol.promoted import read_current, retrained_folder
from scoring.records.ledger import Ledger
from scoring.records.model_switches import switches
from scoring.settings import Settings, load_settings
from server.models import load_served

# The project with reviews is that of the parts' tests.
from tests.fashion_model.retraining.conftest import live_night, model, retrainable

__all__ = ["model", "retrainable"]
Told = pytest.CaptureFixture[str]


def candidates(settings: Settings) -> list[Path]:
    return sorted(path.parent for path in retrained_folder(settings).glob("*/signature.json"))


def served(settings: Settings) -> str:
    with closing(load_served(settings)) as models:
        return models.signatures()[0].version


def errors(told: Told) -> list[str]:
    return [line for line in told.readouterr().err.splitlines() if line.startswith("error: ")]


def test_from_reviews_to_a_model_that_serves_and_back(
    retrainable: Settings, model: Path, capsys: Told
) -> None:
    shipped = load_bundle(model).signature.version
    assert retrain.main([]) == 0
    (folder,) = candidates(retrainable)
    told = capsys.readouterr().out
    assert "240 reviewed pictures: " in told
    assert "ok reviewed, not learnt from" in told
    assert "python -m fashion_model.retrain fashion --promote" in told
    verdict = json.loads((folder / GATE_FILE).read_text())
    assert (verdict["passed"], verdict["serving"]) == (True, shipped)
    assert served(retrainable) == shipped
    assert retrain.main(["--promote"]) == 0
    assert served(retrainable) == folder.name
    assert retrain.main(["--promote"]) == ExitCode.USAGE
    assert errors(capsys) == [f"error: fashion: {folder.name[:12]} serves already"]
    head = (folder / "head.npz").read_bytes()
    (folder / "head.npz").write_bytes(head[:-1])
    assert retrain.main(["--promote"]) == ExitCode.FAILED
    assert "the file is corrupt" in errors(capsys)[0]
    (folder / "head.npz").write_bytes(head)
    assert retrain.main(["--rollback"]) == 0
    assert served(retrainable) == shipped
    assert retrain.main(["--rollback"]) == ExitCode.USAGE
    events = (retrainable.logs_folder / "Events-log.txt").read_text()
    assert events.count("model-switched") == 2
    with closing(Ledger.from_settings(retrainable)) as ledger:
        made = switches(ledger.database, "fashion")
    assert [one.action for one in made] == ["promote", "rollback"]
    assert made[0].facts["files"] == dict(load_bundle(folder).signature.files)
    assert made[0].facts["gate"]["held_out"] == 470
    assert retrain.main(["--status"]) == 0
    status = capsys.readouterr().out
    assert f"{shipped} serves from the server's next start on, which comes with" in status
    assert f"promote   {shipped[:12]} -> {folder.name[:12]}  by " in status
    assert f"candidate {folder.name[:12]}" in status


def test_what_the_gate_refuses_does_not_serve(
    retrainable: Settings, model: Path, capsys: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCORING_RETRAIN__REVIEWED_LEAST", "1000")
    assert retrain.main([]) == ExitCode.FAILED
    (line,) = errors(capsys)
    assert "it may not serve: reviewed, not learnt from: " in line
    assert "wanted: 1000 or more" in line
    assert retrain.main(["--promote"]) == ExitCode.FAILED
    assert read_current(retrainable) == {}
    assert served(retrainable) == load_bundle(model).signature.version


def test_a_promotion_is_judged_by_what_serves_now(
    retrainable: Settings, capsys: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What passed yesterday need not pass today: the gate is asked again."""
    assert retrain.main([]) == 0
    monkeypatch.setenv("SCORING_RETRAIN__HELD_OUT_LEAST", "471")
    assert retrain.main(["--promote"]) == ExitCode.FAILED
    assert read_current(retrainable) == {}


@pytest.mark.parametrize("damage", ["head.npz", "features.npz", "retrained.json"])
def test_a_candidate_that_is_damaged_is_not_promoted(
    retrainable: Settings, damage: str, capsys: Told
) -> None:
    assert retrain.main([]) == 0
    (folder,) = candidates(retrainable)
    (folder / damage).write_bytes(b"damaged")
    assert retrain.main(["--promote"]) != 0
    assert len(errors(capsys)) == 1
    assert read_current(retrainable) == {}


def test_automatic_promotion_is_a_setting(
    retrainable: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCORING_RETRAIN__AUTOMATIC", "true")
    assert retrain.main([]) == 0
    (folder,) = candidates(retrainable)
    assert served(retrainable) == folder.name


@pytest.mark.slow
def test_a_retrained_model_is_retrained_again(retrainable: Settings, capsys: Told) -> None:
    """What the first one learnt from is no measure of the second one, and stays a label to both."""
    assert retrain.main([]) == 0
    assert retrain.main(["--promote"]) == 0
    first = served(retrainable)
    live_night(retrainable, load_bundle(retrained_folder(retrainable, first)), 3)
    assert retrain.main([]) == 0
    assert "320 reviewed pictures: " in capsys.readouterr().out
    assert retrain.main(["--promote"]) == 0
    assert served(retrainable) != first
    assert retrain.main(["--rollback"]) == 0
    assert served(retrainable) == first


def test_without_reviews_one_line_says_so(
    project: Path, model: Path, monkeypatch: pytest.MonkeyPatch, capsys: Told
) -> None:
    monkeypatch.setenv("SCORING_SERVER__MODELS", json.dumps([str(model)]))
    assert retrain.main([]) == ExitCode.USAGE
    assert errors(capsys) == ["error: fashion: nobody has reviewed a picture to learn from yet"]
    assert not list(retrained_folder(load_settings()).glob("*/signature.json"))


def test_an_unknown_model_is_told_with_those_there_are(project: Path, capsys: Told) -> None:
    assert retrain.main(["trousers"]) == ExitCode.USAGE
    (line,) = errors(capsys)
    assert "no model is named 'trousers'" in line


def test_what_it_says_of_a_lack_of_packages(
    retrainable: Settings, capsys: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fashion_model.commands.is_installed", lambda _: False)
    assert retrain.main([]) == ExitCode.USAGE
    (line,) = errors(capsys)
    assert "requirements-teach.txt" in line
