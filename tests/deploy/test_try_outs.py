"""What deploy/ says of serving is tried by scripts; make conformance runs them all."""

from __future__ import annotations

import os
import subprocess

import pytest

from scoring.settings import CODE_ROOT

TRY_OUTS = sorted((CODE_ROOT / "deploy" / "try").glob("*.sh"))

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the scripts are for a POSIX shell")


@pytest.mark.parametrize("script", TRY_OUTS, ids=lambda path: path.stem)
def test_a_script_can_be_read(script: object) -> None:
    subprocess.run(["bash", "-n", str(script)], check=True)


@pytest.mark.slow
def test_gunicorn_serves_as_the_document_says() -> None:
    done = subprocess.run(
        ["bash", "deploy/try/gunicorn.sh"],
        cwd=CODE_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.startswith("ok gunicorn: "), done.stdout + done.stderr
    assert done.returncode == 0
