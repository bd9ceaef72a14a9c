"""Runs the checks of one client, in the environment that the client is installed in.

``python -m tests.conformance.clients.NAME FOLDER`` writes a line of JSON for each.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from tests.conformance.images import Images

Check = Callable[[Images], None]


def run_checks(version: str, checks: Iterable[Check]) -> int:
    """Run the checks over the images of the folder named on the command line."""
    images = Images.load(Path(sys.argv[1]))
    failed = 0
    for check in checks:
        error = _error(check, images)
        failed += bool(error)
        line = {"version": version, "what": (check.__doc__ or "").strip(), "error": error}
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()
    return min(failed, 1)


def refused(call: Callable[[], object], kind: type[Exception], word: str) -> None:
    """Raise AssertionError unless a call raises this error with a word of the server's own."""
    try:
        call()
    except kind as error:
        told = str(error)
    else:
        told = "not at all"
    assert word in told, f"refused in other words: {told}"


def _error(check: Check, images: Images) -> str:
    try:
        check(images)
    except Exception as error:
        return " ".join(f"{type(error).__name__}: {error}".split())[:300]
    return ""
