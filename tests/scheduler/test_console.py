from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from io import StringIO

import pytest

from scheduler import console
from scheduler.console import MOST_LINES, shown_meanwhile

log = logging.getLogger("scoring.scheduler")


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """Return the root logger without handlers; it gets those back that it had."""
    root = logging.getLogger()
    before = root.handlers[:]
    root.handlers[:] = []
    yield root
    root.handlers[:] = before


def test_what_is_logged_is_shown_in_order(root: logging.Logger) -> None:
    shown = StringIO()
    root.handlers[:] = handlers = [logging.StreamHandler(shown)]
    with shown_meanwhile():
        for number in range(100):
            log.error("line %d", number)
    assert shown.getvalue() == "".join(f"line {number}\n" for number in range(100))
    assert root.handlers == handlers


def test_whoever_logs_waits_for_no_terminal(
    root: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "LAST_SECONDS", 0.01)
    scrolled = threading.Event()

    class Terminal(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            scrolled.wait()

    root.handlers[:] = [Terminal()]
    with shown_meanwhile():
        for _ in range(3 * MOST_LINES):
            log.error("a line")
    logging.shutdown()
    scrolled.set()
