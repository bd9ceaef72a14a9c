"""The oracle notices: each lie that ledger, results, folder or events could tell is told to it."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from scoring.protocol.errors import ExitCode
from tests.faults.desk import LONG_AGO, Project
from tests.faults.oracle import assert_truth


def in_ledger(statement: str) -> Callable[[Project], object]:
    def change(faulty: Project) -> None:
        with closing(sqlite3.connect(faulty.settings.ledger_file)) as ledger:
            ledger.execute("PRAGMA ignore_check_constraints = ON")
            ledger.execute(statement)
            ledger.commit()

    return change


def in_file(name: str, old: str, new: str) -> Callable[[Project], object]:
    def change(faulty: Project) -> None:
        path = faulty.folder / name
        text = path.read_bytes().decode("utf-8")
        assert old in text
        path.write_bytes(text.replace(old, new).encode("utf-8"))

    return change


def torn(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def without_line(path: Path, number: int) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:number] + lines[number + 1 :]))


LIES: dict[str, Callable[[Project], object]] = {
    "a run that has not ended": in_ledger("UPDATE runs SET state = 'running'"),
    "a day without a run": in_ledger(
        "UPDATE runs SET due_date='2026-11-25' WHERE due_date > '2026-11-20'"
    ),
    "an image lost in the ledger": in_ledger("DELETE FROM run_images WHERE num = 2"),
    "an image invented": in_ledger("UPDATE run_images SET path = 'x.png' WHERE num = 2"),
    "the prediction of another": in_ledger("UPDATE run_images SET prediction_id = 1 WHERE num = 2"),
    "another label": in_ledger("UPDATE predictions SET label = 'Hat' WHERE label IS NOT NULL"),
    "a number twice in the results": in_file("Results.csv", "\r\n3,", "\r\n4,"),
    "a number that has changed": in_file("Results.csv", "\r\n3,", "\r\n99,"),
    "a row lost in the results": lambda faulty: without_line(faulty.results, 3),
    "another second item": in_ledger("UPDATE predictions SET second_label = 'Hat'"),
    "another confidence": in_file("Results.csv", "img_2.png,", "img_2.png,x"),
    "results that are torn": lambda faulty: torn(faulty.results),
    "results that are gone": lambda faulty: faulty.results.unlink(),
    "an image that nobody scored": lambda faulty: faulty.write("G1", 9),
    "a picture without a suffix that nobody scored": lambda faulty: shutil.copy(
        faulty.batches / "G1" / "img_1.png", faulty.batches / "G1" / "picture"
    ),
    "an end that no event tells": in_file("logs/Events-log.txt", ", run-done, ", ", run-made, "),
    "a failure that no event tells": in_file("logs/Events-log.txt", ", image-failed, ", ", x, "),
    "a line that is no event": in_file("logs/Events-log.txt", "INFO, run-started", "run started"),
}


@pytest.mark.parametrize("lie", LIES)
def test_the_oracle_notices(faulty: Project, server_url: str, lie: str) -> None:
    folder = faulty.write("G1", 6)
    (folder / "img_7.png").write_bytes(b"broken")
    os.utime(folder / "img_7.png", (LONG_AGO, LONG_AGO))
    assert faulty.score("--nightly", "2026-11-20") == ExitCode.DONE
    (folder / "img_8.png").write_bytes((folder / "img_1.png").read_bytes())
    assert faulty.score("--nightly", "2026-11-21", "--all") == ExitCode.DONE
    assert_truth(faulty.settings)
    LIES[lie](faulty)
    with pytest.raises(AssertionError):
        assert_truth(faulty.settings)
