"""A real gunicorn in a process of its own, on a free port."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from scoring.processes.readiness import read_readiness
from scoring.settings import CODE_ROOT
from tests.deadlines import wait_for
from tests.scoring.processes.process_list import project_processes

# The documented command; tests want a port of their own and do with fewer workers.
COMMAND = ("gunicorn", "server:create_app()", "-b", "127.0.0.1:0", "--timeout", "600")


class Gunicorn:
    """A running gunicorn, and what it said."""

    def __init__(
        self, project: Path, command: Sequence[str], settings: dict[str, str], code: Path
    ) -> None:
        self.log = project / "gunicorn.log"
        kept = {name: text for name, text in os.environ.items() if not name.startswith("SCORING_")}
        # Killed, it leaves its temporary files behind: here.
        temporary = {"TMPDIR": str(project)}
        ours = {"SCORING_PROJECT": str(project), "PYTHONUNBUFFERED": "1", **temporary}
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=code,
                env={**kept, **ours, **settings},
                stdout=output,
                stderr=output,
            )

    def said(self, pattern: str) -> list[str]:
        """Return all that its output has of a pattern."""
        return re.findall(pattern, self.log.read_text(encoding="utf-8"))

    def url(self) -> str:
        """Wait for its address, and for the first worker."""
        self._wait_for(lambda: bool(self.said(r"Listening at: (\S+)")), "gunicorn's address")
        url = self.said(r"Listening at: (\S+)")[0]
        self._wait_for(lambda: read_readiness(url) is not None, "a worker")
        return url

    def _wait_for(self, condition: Callable[[], bool], what: str) -> None:
        wait_for(lambda: condition() or self.process.poll() is not None, what)
        assert self.process.poll() is None, self.log.read_text(encoding="utf-8")


@contextmanager
def started(
    project: Path,
    *flags: str,
    command: Sequence[str] = COMMAND,
    settings: dict[str, str],
    code: Path = CODE_ROOT,
) -> Iterator[Gunicorn]:
    """Start it with these settings from the environment; whatever is left at the end is killed."""
    one = Gunicorn(project, [*command, *flags], settings, code)
    try:
        yield one
    finally:
        one.process.kill()
        one.process.wait()
        wait_for(lambda: not project_processes(project), "the end of every worker")
