"""One writing system call of a program fails, or kills it: by strace, on Linux.

``strace`` counts the calls of each thread for itself, so that the n-th fails once in every thread
that makes so many of them.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

# Whatever changes a file, its name or a folder. An openat counts where it makes the file.
CALLS = (
    *("write", "writev", "pwrite64", "sendfile", "copy_file_range", "ftruncate", "fallocate"),
    *("fsync", "fdatasync", "openat", "mkdir", "rename", "link", "symlink", "unlink", "rmdir"),
    *("chmod", "fchmod", "chown", "fchown", "utimensat"),
)
ERRORS = ("EIO", "ENOSPC")
KILL = "SIGKILL"
HOWS = (*ERRORS, KILL)
LINE = re.compile(r"\d+ +(?P<call>\w+)\((?P<rest>.*)")


@dataclass(frozen=True, order=True)
class Fault:
    """The ``number``-th ``call`` of each thread fails with an error, or its process is killed."""

    call: str
    number: int
    how: str

    @property
    def injection(self) -> str:
        what = "signal=KILL" if self.how == KILL else f"error={self.how}"
        return f"inject={self.call}:{what}:when={self.number}"

    def __str__(self) -> str:
        return f"{self.call} {self.number} {self.how}"


def may_trace() -> bool:
    """Tell whether strace is there, and may trace."""
    if sys.platform != "linux" or not shutil.which("strace"):
        return False
    probe = subprocess.run(traced(Path("/dev/null"), ("true",)), capture_output=True, check=False)
    return probe.returncode == 0


def traced(log: Path, command: Iterable[str], fault: Fault | None = None) -> list[str]:
    """Return a command that runs another one, writes its calls down and lets one of them fail."""
    inject = ["-e", fault.injection] if fault else []
    # By its filter strace is quicker, but then it cannot send a signal.
    filtered = [] if fault and fault.how == KILL else ["--seccomp-bpf"]
    # A kernel may lack some of the calls' names: those are left out.
    names = ",".join(f"?{name}" for name in CALLS)
    return [
        *("strace", "-f", "-q", *filtered, "-o", str(log)),
        *("-e", f"trace={names}", "-e", "signal=none", *inject, *command),
    ]


def faults_of(log: Path, hows: Iterable[str] = HOWS) -> list[Fault]:
    """Return every fault that the calls in a log of ``traced`` give room for."""
    places = sorted(set(_places(log.read_text(errors="replace").splitlines())))
    return [Fault(call, number, how) for call, number in places for how in hows]


def has_struck(log: Path, fault: Fault) -> bool:
    """Tell whether the fault came about: a run may make fewer calls than the one before."""
    text = log.read_text(errors="replace")
    if fault.how != KILL:
        struck = [line for line in text.splitlines() if "(INJECTED)" in line]
        # The n-th openat of another process may open a file to read it.
        return bool(struck) and all(fault.call != "openat" or "O_CREAT" in line for line in struck)
    # A call of which nobody knows how it ended; strace itself goes with the program it started.
    return any(line.endswith(("= ?", "killed by SIGKILL +++")) for line in text.splitlines())


def _places(lines: Iterable[str]) -> Iterator[tuple[str, int]]:
    """Yield the calls that write, with their numbers within their threads."""
    counts: Counter[tuple[str, str]] = Counter()
    for line in lines:
        found = LINE.match(line)
        if not found:
            continue
        call = found["call"]
        counts[thread := line.split()[0], call] += 1
        if call != "openat" or "O_CREAT" in found["rest"]:
            yield call, counts[thread, call]
