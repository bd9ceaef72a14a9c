"""Can whoever is to be told be told? The sender's own program is asked: it alone has Apprise."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

from scheduler.finding import Finding
from scheduler.launcher import SENDER_MODULE
from scoring.protocol.commands import command
from scoring.settings import CODE_ROOT, LOCAL_FILE, Settings

# Loading Apprise takes a second; nothing is sent.
LOOK_SECONDS = 60.0


def check_alerts(settings: Settings) -> Iterator[Finding]:
    """Each channel must be one that Apprise can use; a night goes on without any."""
    if not settings.alerts.urls and not settings.alerts.heartbeat:
        text = f"nobody is told of a night that fails: alerts.urls in {LOCAL_FILE} is empty"
        yield Finding("WARN", "alerts", text)
        return
    for name, word in _ask(settings):
        yield Finding("OK" if word == "can be used" else "FAIL", "alerts", f"{name}: {word}")


def _ask(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield each channel's name and what is to be said of it."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", SENDER_MODULE, "check"],
            cwd=CODE_ROOT, env={**os.environ, **settings.handed_on()}, timeout=LOOK_SECONDS,
            capture_output=True, text=True, encoding="utf-8", errors="replace", check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        yield "sender", f"could not be asked ({type(error).__name__})"
        return
    for line in done.stdout.splitlines():
        name, _, word = line.partition(": ")
        yield name, word
    if not done.stdout:
        yield "sender", f"gave no answer; try {command(SENDER_MODULE, 'check')}"
