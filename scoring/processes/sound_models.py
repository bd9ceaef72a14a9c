"""Which of several models a server can load: one that is damaged must not cost the others.

Each is tried by a process of its own, which verifies and loads it as the server does. That takes a
second each, so it is done where a server with all of them did not come up.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress

from scoring.protocol.bundle_names import find_bundle, not_served
from scoring.protocol.errors import UsageError
from scoring.settings import CODE_ROOT, Settings

SERVER_MODULE = "server"


def sound_models(settings: Settings, names: Iterable[str]) -> list[str]:
    """Return which of further models load, by name; none where all do: it was none of them."""
    further = not_served(settings, names)
    sound = [name for name in further if _loads(settings, name)]
    return sound if len(sound) < len(further) else []


def _loads(settings: Settings, name: str) -> bool:
    """Tell whether a server would load it; one that takes too long would be late, too."""
    # Those that are not there, too slow, or that the system starts no process for.
    with suppress(UsageError, OSError, subprocess.TimeoutExpired):
        folder = find_bundle(settings, name)
        words = [sys.executable, "-m", SERVER_MODULE, "--check", "--model", str(folder)]
        environment = {**os.environ, **settings.handed_on()}
        done = subprocess.run(
            words, cwd=CODE_ROOT, env=environment, stdin=subprocess.DEVNULL,
            capture_output=True, timeout=settings.server.ready_seconds, check=False,
        )  # fmt: skip
        return done.returncode == 0
    return False
