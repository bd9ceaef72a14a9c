"""A decoder that keeps the interpreter for itself ends the process, so that it is started anew."""

from __future__ import annotations

import subprocess
import sys

import pytest

from scoring.settings import CODE_ROOT

HOLDS_THE_INTERPRETER = """
import ctypes, sys
from scoring.batches import watchdog
watchdog.LEAST_SECONDS = 0.5
with watchdog.Watchdog(0.5) as dog:
    if sys.argv[1] == "held":
        ctypes.PyDLL(None).sleep(60)
    import time
    for _ in range(20):
        time.sleep(0.01)
        dog.feed()
dog.feed()
time.sleep(1.0)
print("came to its end")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="holds the interpreter by a POSIX call")
@pytest.mark.parametrize(("how", "code"), [("held", 1), ("fed", 0)])
def test_who_does_not_go_round_is_ended(how: str, code: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", HOLDS_THE_INTERPRETER, how],
        cwd=CODE_ROOT,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == code
    assert ("came to its end" in done.stdout) == (code == 0)
    assert ("Timeout (0:00:00.5" in done.stderr) == (code == 1)
