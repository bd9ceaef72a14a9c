"""A partition's file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cluster.parts import encode
from scoring.protocol.signature import parse_signature
from scoring.records.rows import ScoredImage
from scoring.settings import CODE_ROOT
from tests.conftest import BUNDLE

# Arrow starts two threads for itself as it is loaded or reads; a pool for its reading is more.
MOST_THREADS = 1
READ = """
import os, sys
import pyarrow.parquet
from cluster.parts import count
threads = lambda: len(os.listdir("/proc/self/task"))
before = threads()
assert count(open(sys.argv[1], "rb").read()).images == 1
print(threads() - before)
"""


@pytest.mark.usefixtures("arrow")
@pytest.mark.skipif(sys.platform != "linux", reason="threads are counted in /proc")
def test_to_read_one_starts_no_pool_of_threads(tmp_path: Path) -> None:
    """A process that ended while such a pool started was aborted, one time in five."""
    signature = parse_signature((BUNDLE / "signature.json").read_bytes())
    part = tmp_path / "part"
    part.write_bytes(encode("G1", signature, [ScoredImage(1, "a.png", "", error="no picture")]))
    done = subprocess.run(
        [sys.executable, "-c", READ, part],
        cwd=CODE_ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert int(done.stdout) <= MOST_THREADS
