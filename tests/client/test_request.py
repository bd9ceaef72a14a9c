"""The batch job against a real server: real files, real HTTP, a real ledger."""

from __future__ import annotations

import csv
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from client import request
from client.process_time import ProcessTime
from scoring.protocol.errors import ExitCode
from scoring.records.audit import sample_of
from scoring.records.ledger import Ledger
from scoring.records.metrics_log import columns
from scoring.settings import load_settings
from tests.conftest import write_batch
from tests.deadlines import DEADLINE

pytestmark = pytest.mark.usefixtures("server_url")


@pytest.fixture
def batch(project: Path) -> Path:
    folder = project / "image_batches" / "G1"
    write_batch(folder, 12)
    return folder


@pytest.fixture
def ledger(project: Path) -> Iterator[Ledger]:
    settings = load_settings()
    with Ledger(settings.ledger_file, 5) as ledger:
        yield ledger


def results(project: Path, name: str = "Results.csv") -> list[dict[str, str]]:
    with (project / name).open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def events(project: Path) -> str:
    return (project / "logs" / "Events-log.txt").read_text(encoding="utf-8")


def test_a_folder_becomes_results_metrics_and_events(project: Path, batch: Path) -> None:
    assert request.main(["G1"]) == ExitCode.DONE
    rows = results(project)
    assert [row["Num"] for row in rows] == [str(num) for num in range(1, 13)]
    assert [row["Image"] for row in rows] == [f"img_{num}.png" for num in range(1, 13)]
    assert {row["Batch"] for row in rows} == {"G1"}
    assert all(re.fullmatch(r"\d{1,3}\.\d\d", row["Confidence %"]) for row in rows)
    assert all(row["Item"] and not row["Error"] for row in rows)
    runs = list((project / "logs" / "runs").iterdir())
    assert len(runs) == 1
    copy = runs[0] / "Results.csv"
    assert copy.read_bytes() == (project / "Results.csv").read_bytes()
    assert "run-done" in events(project)


def test_a_run_leaves_what_a_model_is_and_what_is_to_be_audited(
    batch: Path, ledger: Ledger
) -> None:
    assert request.main(["G1"]) == ExitCode.DONE
    run = ledger.runs(1)[0]
    assert run
    facts = ledger.model_facts(run.model_version)
    assert facts
    assert facts["labels"][9] == "Ankle boot"
    rows = list(ledger.result_rows(run.id))
    sure = {row.path for row in rows if row.label and not row.review}
    sample = sample_of(ledger.database, run.id)
    assert {item.path for item in sample} == sure
    assert {item.inclusion for item in sample} <= {1.0}


def test_the_metrics_log_has_a_row_per_run_and_batch(
    project: Path, batch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As if the command had begun a minute earlier: no batch takes so long.
    monkeypatch.setattr("client.command.ProcessTime", lambda began: ProcessTime(began - 60))
    write_batch(project / "image_batches" / "G2", 3, seed=1)
    (project / "image_batches" / "G2" / "broken.png").write_bytes(b"no image")
    request.main(["G1", "G2"])
    request.main(["G2"])
    with (project / "logs" / "Metrics-log.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["Batch"] for row in rows] == ["G1", "G2", "G2"]
    assert [row["Images"] for row in rows] == ["12", "4", "4"]
    assert [row["Failed"] for row in rows] == ["0", "1", "1"]
    labels = [name.removeprefix("Confidence % ") for name in rows[0] if name.startswith("Conf")]
    assert list(rows[0]) == columns(labels)
    assert len(labels) == 10
    first = rows[0]
    assert float(first["Process Time"]) > float(first["Prediction Time"]) > 0
    second = rows[1]
    assert float(first["Process Time"]) > 60 > float(second["Process Time"]), (
        "the first has the start"
    )
    assert float(second["Process Time"]) > float(second["Prediction Time"]) > 0
    per_image = float(first["Prediction Time"]) / 12
    assert float(first["Time per Prediction"]) == pytest.approx(per_image, abs=1e-4)
    assert int(first["Payload bytes"]) > 12 * 784
    assert first["Retries"] == "0"


def test_one_corrupt_image_costs_no_other_its_prediction(project: Path, batch: Path) -> None:
    (batch / "img_13.png").write_bytes(b"")
    (batch / "img_14.jpg").write_bytes((batch / "img_1.png").read_bytes()[:100])
    assert request.main(["G1"]) == ExitCode.DONE
    rows = results(project)
    assert len(rows) == 14
    assert [bool(row["Error"]) for row in rows] == [False] * 12 + [True] * 2
    assert all(not row["Item"] for row in rows[12:])
    assert events(project).count("image-failed") == 2


def test_most_images_corrupt_fails_the_run_with_every_row_written(
    project: Path, batch: Path
) -> None:
    for number in range(13, 33):
        (batch / f"img_{number}.png").write_bytes(b"broken")
    assert request.main(["G1"]) == ExitCode.FAILED
    assert len(results(project)) == 32
    assert "20 of 32 images failed" in events(project)


def test_a_missing_folder_is_one_line_and_leaves_the_results(
    project: Path, batch: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    request.main(["G1"])
    before = (project / "Results.csv").read_bytes()
    capsys.readouterr()
    assert request.main(["G9"]) == ExitCode.BATCH_MISSING
    assert (project / "Results.csv").read_bytes() == before
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert "batch-missing" in events(project)


def test_an_empty_folder_is_done_with_a_header_only(project: Path) -> None:
    (project / "image_batches" / "empty").mkdir()
    assert request.main(["empty"]) == ExitCode.DONE
    assert results(project) == []
    assert (project / "Results.csv").read_bytes().startswith(b"\xef\xbb\xbfNum,")


def test_several_batches_and_paths_come_in_the_order_given(
    project: Path, batch: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    write_batch(elsewhere, 2)
    assert request.main([str(elsewhere), "G1", "G1"]) == ExitCode.DONE
    rows = results(project)
    assert [row["Batch"] for row in rows] == [str(elsewhere)] * 2 + ["G1"] * 12


def test_out_names_another_file(project: Path, batch: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine.csv"
    assert request.main(["G1", "--out", str(out)]) == ExitCode.DONE
    assert out.exists()
    assert not (project / "Results.csv").exists()


def test_out_never_takes_the_place_of_something_else(project: Path, batch: Path) -> None:
    image = batch / "img_1.png"
    before = image.read_bytes()
    assert request.main(["G1", "--out", str(image)]) == ExitCode.USAGE
    assert request.main(["G1", "--out", str(batch)]) == ExitCode.USAGE
    assert image.read_bytes() == before
    assert request.main(["G1", "--out", str(project / "mine.csv")]) == ExitCode.DONE
    assert request.main(["G1", "--out", str(project / "mine.csv")]) == ExitCode.DONE


def test_no_batch_is_a_usage_error(project: Path) -> None:
    assert request.main([]) == ExitCode.USAGE


def test_scoring_by_hand_again_gives_each_image_one_row(
    project: Path, batch: Path, ledger: Ledger
) -> None:
    request.main(["G1"])
    request.main(["G1"])
    latest = ledger.runs(1)[0]
    assert latest
    assert ledger.run_summary(latest.id).images == 12
    assert len(results(project)) == 12


def nightly(day: str, *arguments: str) -> int:
    return request.main(["--nightly", day, *arguments])


def test_the_nightly_run_scores_only_what_is_new_or_changed(
    project: Path, batch: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCORING_SCHEDULE__SETTLE_SECONDS", "0")
    assert nightly("2026-11-20") == ExitCode.DONE
    before = (project / "Results.csv").read_bytes()
    assert nightly("2026-11-21") == ExitCode.DONE
    assert (project / "Results.csv").read_bytes() == before
    shutil.copy(batch / "img_1.png", batch / "img_20.png")
    cv2.imwrite(str(batch / "img_2.png"), np.full((28, 28), 7, np.uint8))
    assert nightly("2026-11-22") == ExitCode.DONE
    runs = [run for run in reversed(ledger.runs(10)) if run.kind == "nightly"]
    assert [ledger.run_summary(run.id).images for run in runs] == [12, 0, 2]
    assert [run.reason for run in runs] == ["", "0 new images", ""]
    assert len(results(project)) == 13
    assert all(row["Item"] for row in results(project))


def test_a_due_day_is_not_run_twice(project: Path, batch: Path) -> None:
    assert nightly("2026-11-20") == ExitCode.DONE
    assert nightly("2026-11-20") == ExitCode.FAILED
    assert "is done already" in events(project)


def test_a_file_still_being_copied_waits_for_the_next_night(
    project: Path, batch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It is looked at sooner than that, however slow the machine is.
    monkeypatch.setenv("SCORING_SCHEDULE__SETTLE_SECONDS", "3600")
    for path in batch.iterdir():
        os.utime(path, (1_000_000_000, 1_000_000_000))
    (batch / "img_3.png").touch()
    assert nightly("2026-11-20") == ExitCode.DONE
    rows = results(project)
    assert [row["Image"] for row in rows if row["Error"]] == ["img_3.png"]
    assert "not scored yet" in rows[2]["Error"]


def test_hostile_names_stay_one_harmless_row_each(project: Path, batch: Path) -> None:
    names = ["=cmd().png", "+1.png", "a\nb.png", "c,d;e.png", "-2.png", '"q".png']
    if os.name == "nt":
        names = ["=cmd().png", "+1.png", "c,d;e.png", "-2.png"]
    for name in names:
        shutil.copy(batch / "img_1.png", batch / name)
    if os.name != "nt":
        shutil.copy(batch / "img_1.png", Path(os.fsdecode(os.fsencode(batch) + b"/caf\xe9.png")))
    assert request.main(["G1"]) == ExitCode.DONE
    rows = results(project)
    assert len(rows) == 12 + len(names) + (os.name != "nt")
    assert not any(row["Image"].startswith(("=", "+", "-", "@")) for row in rows)
    lines = (project / "Results.csv").read_text(encoding="utf-8-sig").splitlines()
    assert len(lines) == len(rows) + 1


def test_pixels_reach_the_server_as_they_are_in_the_file(
    project: Path, batch: Path, server_url: str
) -> None:
    """The same pixels sent by hand get the same prediction: nothing is lost on the way."""
    import requests

    from scoring.protocol.prediction import encode_request

    request.main(["G1"])
    image = cv2.imread(str(batch / "img_5.png"), cv2.IMREAD_UNCHANGED)
    assert image is not None
    pixels = image.astype(np.uint8).reshape(1, 784)
    body = encode_request([5], pixels, None)
    response = requests.post(f"{server_url}/predict", data=body, timeout=DEADLINE)
    (answer,) = response.json()["predictions"]
    row = results(project)[4]
    assert row["Item"] == answer["label"]
    assert row["Confidence %"] == f"{answer['confidence'] * 100:.2f}"
    assert row["Review"] == (answer["review"] or "")


def test_a_file_that_is_too_large_is_told_once_and_not_news_every_night(
    project: Path, batch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert request.main(["G1"]) == ExitCode.DONE
    (batch / "huge.png").write_bytes(bytes(20_000))
    monkeypatch.setenv("SCORING_CLIENT__MAX_FILE_BYTES", "10000")
    assert request.main(["G1", "--new"]) == ExitCode.FAILED
    assert results(project)[0]["Error"] == "20000 bytes; files up to 10000 are read"
    assert request.main(["G1", "--new"]) == ExitCode.DONE
    assert "0 new images" in events(project).splitlines()[-1]
