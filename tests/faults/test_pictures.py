"""Rows 46 and 51: what the files of a folder are, and what they cost."""

from __future__ import annotations

import re

import pytest

from scoring.protocol.errors import ExitCode
from tests.faults.desk import POSIX, Project
from tests.faults.oracle import assert_truth, read_whole_results
from tests.faults.test_folder import PEAK
from tests.scoring.preprocessing.slow_files import READ, REFUSED

pytestmark = pytest.mark.usefixtures("server_url")

# One of these took 178 s, others minutes each or all memory; together they take a few seconds.
# Counted in the program's own seconds: another program's work is not the files'.
MOST_WORK = 120
MOST_MEGABYTES = 700


@POSIX
def test_row_46_a_file_whose_verdict_takes_long(faulty: Project) -> None:
    folder = faulty.write("G1", 80)
    for name, make in (REFUSED | READ).items():
        (folder / name).write_bytes(make())
    done = faulty.run("-c", PEAK)
    assert done.returncode == ExitCode.DONE, done.stderr
    rows = read_whole_results(faulty.results)
    assert len(rows) == 80 + len(REFUSED) + len(READ)
    assert {row[2] for row in rows if row[6]} == set(REFUSED)
    assert all("save it again" in row[6] or "copy it again" in row[6] for row in rows if row[6])
    cost = re.search(r"peak (\d+) MB, work (\d+)", done.stderr)
    assert cost
    assert int(cost[1]) < MOST_MEGABYTES
    assert int(cost[2]) < MOST_WORK
    assert_truth(faulty.settings)
