"""Ray itself: several nodes on this machine, and one of them killed in the middle."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scoring.settings import CODE_ROOT
from tests.cluster.conftest import REASON

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("ray_here", "server_url")]


@pytest.fixture
def ray_here() -> None:
    pytest.importorskip("ray", reason=f"ray: {REASON}")


def cluster(project: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a person does."""
    return subprocess.run(
        [sys.executable, "-m", "cluster", "mixed", "--out", str(project / "out"), *flags],
        cwd=CODE_ROOT, capture_output=True, text=True, check=False, env=dict(os.environ),
    )  # fmt: skip


def test_a_machine_alone_writes_what_the_client_writes(project: Path, mixed: Path) -> None:
    from client.request import main as request

    done = cluster(project, "--partition", "8", "--results", str(project / "cluster.csv"))
    assert done.returncode == 0, done.stderr
    assert "37 images in 5 partitions (0 kept), 3 failed" in done.stderr
    assert request(["mixed"]) == 0
    assert (project / "cluster.csv").read_bytes() == (project / "Results.csv").read_bytes()


def test_what_a_node_cannot_do_is_told_in_its_words(project: Path, mixed: Path) -> None:
    (project / "out").write_text("a file")
    done = cluster(project)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
