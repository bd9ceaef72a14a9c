"""One run, several models: each batch is scored by its own."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from msgspec.structs import asdict

from client import request
from client.api import ScoringClient
from client.run_models import ask_for_models
from client.tries import Tries
from scoring.preprocessing.registry import UnknownPreprocessing
from scoring.protocol.errors import ExitCode, ModelNotServed
from scoring.protocol.metadata import encode_metadata
from scoring.protocol.signature import PreprocessingRef, parse_signature
from scoring.records.events_log import EventsLog
from scoring.records.ledger import ChunkCost, Ledger, Model, Run, ScoredImage
from scoring.records.run_life import RunLife, RunPlan
from scoring.records.text import scoring_command
from scoring.settings import CODE_ROOT, load_settings
from tests.client.lying_server import Answer, answering, relay
from tests.conftest import BUNDLE, running_server, write_batch

DIGITS = set("0123456789")


@pytest.fixture
def url(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Return the URL of a server of two models; the client's settings point to it."""
    models = (BUNDLE, CODE_ROOT / "models" / "digits")
    with running_server(load_settings(server={"models": models})) as url:
        monkeypatch.setenv("SCORING_CLIENT__SERVER", url)
        monkeypatch.setenv("SCORING_SCHEDULE__SETTLE_SECONDS", "0")
        monkeypatch.setenv("SCORING_CLIENT__RETRY_SECONDS", "0")
        yield url


@pytest.fixture
def batches(project: Path) -> Path:
    for number, name in enumerate(("D", "G", "2026.11 ret"), start=1):
        write_batch(project / "image_batches" / name, 6, seed=number)
    return project / "image_batches"


def name_models(project: Path, **tables: str) -> None:
    """Write which model scores which batch; ``_`` stands for the name that needs quotes."""
    names = {name.replace("_", "2026.11 ret"): model for name, model in tables.items()}
    text = "".join(f"[batches.'{name}']\nmodel = '{model}'\n" for name, model in names.items())
    (project / "settings.local.toml").write_text(text, encoding="utf-8")


def items(project: Path) -> dict[str, set[str]]:
    """Return the labels that Results.csv has for each batch; "" where an image has none."""
    found: dict[str, set[str]] = {}
    with (project / "Results.csv").open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            found.setdefault(row["Batch"], set()).add(row["Item"])
    return found


def metrics(project: Path, name: str) -> list[tuple[str, str]]:
    path = project / "logs" / name
    if not path.exists():
        return []
    with path.open(encoding="utf-8-sig", newline="") as file:
        return [(row["Batch"], row["Images"]) for row in csv.DictReader(file)]


def latest_run() -> Run:
    with Ledger.from_settings(load_settings()) as ledger:
        run = ledger.runs(1)[0]
    assert run
    return run


def events(project: Path) -> str:
    return (project / "logs" / "Events-log.txt").read_text(encoding="utf-8")


@pytest.mark.usefixtures("url", "batches")
@pytest.mark.parametrize(
    "command", [["--nightly", "2026-11-20"], ["D", "G", "2026.11 ret"], ["--every-batch"]]
)
def test_each_batch_is_scored_by_its_own_model(project: Path, command: list[str]) -> None:
    name_models(project, D="digits", _="digits")
    assert request.main(command) == ExitCode.DONE
    found = items(project)
    assert set(found) == {"D", "G", "2026.11 ret"}
    assert found["D"] | found["2026.11 ret"] <= DIGITS
    assert not found["G"] & {*DIGITS, ""}
    assert metrics(project, "Metrics-log.csv") == [("G", "6")]
    assert sorted(metrics(project, "Metrics-log-digits.csv")) == [("2026.11 ret", "6"), ("D", "6")]
    with Ledger.from_settings(load_settings()) as ledger:
        models = {one.batch: one.model.name for one in ledger.batch_figures()}
        assert models == {"D": "digits", "G": "fashion", "2026.11 ret": "digits"}


@pytest.mark.usefixtures("url", "batches")
def test_the_command_line_stands_before_the_settings(project: Path) -> None:
    name_models(project, D="digits")
    assert request.main(["D", "G", "--model", "fashion"]) == ExitCode.DONE
    assert not (items(project)["D"] | items(project)["G"]) & {*DIGITS, ""}
    assert request.main(["D", "G", "--model", "digits"]) == ExitCode.DONE
    assert items(project)["D"] | items(project)["G"] <= DIGITS


@pytest.mark.usefixtures("url", "batches")
def test_a_batchs_model_stands_before_the_clients(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name_models(project, G="fashion")
    monkeypatch.setenv("SCORING_CLIENT__MODEL", "digits")
    assert request.main(["D", "G"]) == ExitCode.DONE
    assert items(project)["D"] <= DIGITS
    assert not items(project)["G"] & DIGITS


@pytest.mark.usefixtures("url", "batches")
@pytest.mark.parametrize("command", [["--nightly", "2026-11-20"], ["D", "G"], ["G", "D"]])
def test_a_model_that_nobody_serves_costs_its_own_batches_only(
    project: Path, command: list[str]
) -> None:
    name_models(project, D="hats", _="hats")
    assert request.main(command) == ExitCode.PARTIAL
    assert "G" in items(project)
    assert "D" not in items(project)
    run = latest_run()
    assert (run.state, run.model_name) == ("partial", "fashion")
    assert "D: the server at " in run.reason
    assert "does not serve hats; it has fashion, digits" in run.reason
    assert any(
        ", ERROR, unknown-model, " in line and ", D, " in line
        for line in events(project).splitlines()
    )


@pytest.mark.usefixtures("url", "batches")
def test_a_model_that_is_served_the_next_night_scores_what_was_left(project: Path) -> None:
    name_models(project, D="hats")
    assert request.main(["--nightly", "2026-11-20"]) == ExitCode.PARTIAL
    name_models(project, D="digits")
    assert request.main(["--nightly", "2026-11-21"]) == ExitCode.DONE
    assert items(project)["D"] <= DIGITS


@pytest.mark.usefixtures("url", "batches")
def test_where_no_model_is_served_the_run_does_not_begin(project: Path) -> None:
    name_models(project, D="hats", G="boots")
    assert request.main(["D", "G"]) == ExitCode.NO_SERVER
    assert "does not serve hats" in events(project)
    assert not (project / "Results.csv").exists()
    assert request.main(["D", "--model", "boots"]) == ExitCode.NO_SERVER
    assert "does not serve boots" in events(project)


@pytest.mark.usefixtures("url")
def test_a_night_without_batches_asks_for_no_model(project: Path) -> None:
    name_models(project, D="hats")
    assert request.main(["--nightly", "2026-11-20"]) == ExitCode.DONE


def metadata_of(name: str, answer: bytes, **changes: Any) -> bytes:
    """Return a model's metadata with its signature sealed anew after some changes."""
    document = orjson.loads(answer)
    signature = parse_signature(orjson.dumps(document["parameters"])).renewed(**changes)
    assert signature.name == name
    return orjson.dumps(encode_metadata(signature))


def test_a_preprocessing_that_one_model_wants_in_vain_costs_no_other(url: str) -> None:
    def spoil(path: str, answer: bytes, _: int) -> Answer | None:
        if not path.endswith("/models/digits"):
            return None
        ref = PreprocessingRef("digit", 99)
        return 200, metadata_of("digits", answer, preprocessing=asdict(ref)), {}

    with answering(relay(url, spoil)) as spoilt, ScoringClient(spoilt) as client:
        tries = Tries(client.options)
        models = ask_for_models(client, ["digits", "", "hats"], tries)
        assert models.main.name == "fashion"
        assert [one.name for one in models.distinct] == ["fashion"]
        with pytest.raises(UnknownPreprocessing, match="'digit' version 99"):
            models.find("digits")
        with pytest.raises(ModelNotServed):
            models.find("hats")
        with pytest.raises(UnknownPreprocessing):
            ask_for_models(client, ["digits", "hats"], tries)


def test_who_started_the_server_knows_why_it_has_no_such_model(url: str) -> None:
    absent = {"hats": "its folder is empty", "digits": "it came back since"}
    with ScoringClient(url) as client:
        models = ask_for_models(client, ["digits", "hats"], Tries(client.options), absent)
        with pytest.raises(ModelNotServed, match=r"^hats is not served: its folder is empty$"):
            models.find("hats")
        assert models.main.name == "digits"
        with pytest.raises(ModelNotServed, match="its folder is empty"):
            ask_for_models(client, ["hats"], Tries(client.options), absent)


def test_a_model_is_itself_by_default_and_by_name(url: str) -> None:
    with ScoringClient(url) as client:
        models = ask_for_models(client, ["", "fashion", "digits"], Tries(client.options))
    assert models.find("") == models.find("fashion") == models.main
    assert [one.name for one in models.distinct] == ["fashion", "digits"]
    versions = models.versions({"G": "", "D": "digits", "E": "hats"})
    assert versions == {"G": models.main.version, "D": models.find("digits").version}


@pytest.mark.usefixtures("url")
def test_a_batch_that_two_models_answered_for_is_told_with_the_way_out(
    project: Path, batches: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert request.main(["2026.11 ret", "--model", "digits"]) == ExitCode.DONE
    assert "mixed" not in capsys.readouterr().out + events(project)
    write_batch(batches / "2026.11 ret", 8, seed=3)
    assert request.main(["--nightly", "2026-11-20"]) == ExitCode.DONE
    told = (
        "2026.11 ret has answers of digits (6) and fashion (2); the model of the settings scores"
        f" all of it anew with: {scoring_command('2026.11 ret')}"
    )
    # The server that was asked follows.
    assert f"  mixed models     {told}" in capsys.readouterr().out
    assert events(project).count(f", 2026.11 ret, {told}") == 1
    with Ledger.from_settings(load_settings()) as ledger:
        assert ledger.mixed_batches() == {"2026.11 ret": {"digits": 6, "fashion": 2}}
    assert request.main(["2026.11 ret"]) == ExitCode.DONE
    assert "mixed" not in capsys.readouterr().out
    with Ledger.from_settings(load_settings()) as ledger:
        assert ledger.mixed_batches() == {}


@pytest.mark.usefixtures("url", "batches")
def test_an_interrupted_run_that_is_replaced_has_its_figures_in_its_own_models_log(
    project: Path,
) -> None:
    settings = load_settings()
    digits = Model("digits", "v1")
    with Ledger.from_settings(settings) as ledger:
        life = RunLife(settings, ledger, EventsLog.from_settings(settings))
        run, _ = life.begin(RunPlan(("D",), "all"), digits)
        ledger.touch_batch(run.id, "D", 0, ["1.png", "2.png", "3.png"], digits)
        images = [ScoredImage(num, f"{num}.png", "d", "7", 0.5) for num in (1, 2)]
        ledger.commit_chunk(run.id, "D", "v1", images, ChunkCost(), settings.now())
        life.leave_open(run)
    assert request.main(["D", "--model", "fashion"]) == ExitCode.DONE
    assert f"run-partial, {run.id}, , partial: 2 images, 0 failed; interrupted" in events(project)
    assert metrics(project, "Metrics-log-digits.csv") == [("D", "2")]
    assert metrics(project, "Metrics-log.csv") == [("D", "6")]
    header = (project / "logs" / "Metrics-log-digits.csv").read_text("utf-8-sig").splitlines()[0]
    assert [f"Confidence % {label}" in header for label in "0123456789"] == [True] * 10
