"""Two people decide at 20 a second, and are killed in the midst of it: nothing lost or doubled."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from functools import partial
from pathlib import Path

from scoring.records.labels import Labels
from scoring.records.ledger import Ledger
from scoring.settings import CODE_ROOT
from tests.deadlines import DEADLINE, wait_for
from tests.faults.reviewing_program import LABELS, PICTURES
from tests.scoring.records.scored import scored_ledger

PROGRAM = "tests.faults.reviewing_program"
# Two of them: 20 decisions a second.
SECONDS = 0.1
KILLS_AFTER = (40, 90, 140)


def start(ledger: Path, name: str) -> subprocess.Popen[bytes]:
    notes = ledger.with_name(f"{name}.txt")
    return subprocess.Popen(
        [sys.executable, "-m", PROGRAM, str(ledger), name, str(notes), str(SECONDS)],
        cwd=CODE_ROOT,
        env=dict(os.environ),
    )


def said(ledger: Path, name: str) -> dict[int, int]:
    """Return what somebody was told is written: id by picture."""
    notes = ledger.with_name(f"{name}.txt")
    lines = [line.split() for line in notes.read_text().splitlines()] if notes.exists() else []
    return {int(line[1]): int(line[2]) for line in lines if line[0] == "said"}


def have_said(ledger: Path, count: int) -> bool:
    return sum(len(said(ledger, name)) for name in LABELS) >= count


def test_row_64_two_reviewers_are_killed_three_times(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    scored_ledger(path, PICTURES).close()
    for kill_after in (*KILLS_AFTER, None):
        people = [start(path, name) for name in LABELS]
        try:
            if kill_after is None:
                assert [person.wait(DEADLINE) for person in people] == [0, 0]
            else:
                wait_for(partial(have_said, path, kill_after), f"{kill_after} decisions")
        finally:
            for person in people:
                person.kill()
                person.wait()
    with Ledger(path, 30.0) as ledger:
        rows = list(Labels(ledger).since(0))
    of_pictures = Counter(row.picture.path for row in rows)
    assert len(rows) == PICTURES
    assert set(of_pictures.values()) == {1}, "a decision is doubled"
    written = {(row.reviewer, row.id) for row in rows}
    for name, label in LABELS.items():
        assert {(name, id_) for id_ in said(path, name).values()} <= written, "one is lost"
        assert {row.label for row in rows if row.reviewer == name} == {label}
