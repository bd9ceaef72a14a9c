"""A run over several batches: the trouble of one costs no other."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest

from client import batch_scoring, request
from scoring.batches.image_folder import ImageList, list_images
from scoring.protocol.errors import BatchUnreadable, ExitCode
from scoring.records.ledger import Ledger, Run
from scoring.settings import BatchesSettings, load_settings
from tests.conftest import write_batch

pytestmark = pytest.mark.usefixtures("server_url")


@pytest.fixture
def batches(project: Path) -> Path:
    folder = project / "image_batches"
    for number in (1, 2, 3):
        for path in write_batch(folder / f"G{number}", 4, seed=number):
            os.utime(path, (1e9, 1e9))
    return folder


def shown(project: Path) -> set[str]:
    with (project / "Results.csv").open(encoding="utf-8-sig", newline="") as file:
        return {row["Batch"] for row in csv.DictReader(file)}


def events(project: Path) -> str:
    return (project / "logs" / "Events-log.txt").read_text(encoding="utf-8")


def latest_run() -> Run:
    with Ledger.from_settings(load_settings()) as ledger:
        run = ledger.runs(1)[0]
    assert run
    return run


@pytest.mark.parametrize(
    "trouble", [BatchUnreadable("the share is gone"), MemoryError("no room"), ValueError("a bug")]
)
def test_a_batch_in_trouble_costs_no_other(
    project: Path, batches: Path, monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    def listed(folder: Path, rules: BatchesSettings) -> ImageList:
        if folder.name == "G2":
            raise trouble
        return list_images(folder, rules)

    monkeypatch.setattr(batch_scoring, "list_images", listed)
    assert request.main(["--nightly", "2026-11-20"]) == ExitCode.PARTIAL
    assert shown(project) == {"G1", "G3"}
    run = latest_run()
    assert run.state == "partial"
    assert str(trouble) in run.reason
    assert run.reason.startswith("G2: ")
    assert any(", ERROR, " in line and ", G2, " in line for line in events(project).splitlines())


def test_where_no_batch_can_be_read_the_run_has_failed(
    project: Path, batches: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(folder: Path, rules: BatchesSettings) -> ImageList:
        raise BatchUnreadable("the share is gone")

    monkeypatch.setattr(batch_scoring, "list_images", gone)
    assert request.main(["--nightly", "2026-11-20"]) == ExitCode.FAILED
    assert latest_run().reason == "; ".join(f"G{n}: the share is gone" for n in (1, 2, 3))
    assert not (project / "Results.csv").exists()


def test_a_batch_that_settings_name_and_nobody_has_costs_no_other(
    project: Path, batches: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCORING_SCHEDULE__BATCHES", '["G9", "G1"]')
    assert request.main(["--nightly", "2026-11-20"]) == ExitCode.PARTIAL
    assert shown(project) == {"G1"}
    assert latest_run().reason.startswith("G9: its folder cannot be read: No such file")


def test_a_part_that_cannot_be_read_is_named_and_the_run_is_partial(
    project: Path, batches: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def listed(folder: Path, rules: BatchesSettings) -> ImageList:
        images = list_images(folder, rules)
        if folder.name == "G2":
            images.left_out.add_unreadable(b"a/secret/", PermissionError(13, "Permission denied"))
        return images

    monkeypatch.setattr(batch_scoring, "list_images", listed)
    assert request.main(["G1", "G2"]) == ExitCode.PARTIAL
    assert shown(project) == {"G1", "G2"}
    assert "1 Permission denied: a/secret/" in latest_run().reason
    assert ", WARNING, files-unreadable, " in events(project)
