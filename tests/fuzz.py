"""``python -m tests.fuzz --minutes 10``: search for examples that break what the suite claims.

The tests that draw their examples (marker ``hypothesis``) run again and again, each round from a
new seed, which is printed. What is found becomes an explicit ``@example`` of its test.
"""

from __future__ import annotations

import argparse
import secrets
import subprocess
import sys
import time
from collections.abc import Sequence

from scoring.settings import CODE_ROOT

TESTS_FAILED = 1
REPEAT = "python -m pytest -m hypothesis --hypothesis-profile=fuzz --hypothesis-seed={seed}"


def main(argv: Sequence[str] | None = None) -> int:
    """Search until the minutes are over; return 1 at the first find."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--minutes", type=float, default=10.0, help="how long to search")
    parser.add_argument("tests", nargs="*", help="files or tests, by default all")
    arguments = parser.parse_args(argv)
    end = time.monotonic() + 60 * arguments.minutes
    rounds = 0
    while (left := end - time.monotonic()) > 0:
        rounds += 1
        seed = secrets.randbits(32)
        say(f"round {rounds}, seed {seed}")
        if search(seed, left, arguments.tests):
            say(f"found; to repeat: {REPEAT.format(seed=seed)} {' '.join(arguments.tests)}")
            return 1
    say(f"nothing found in {rounds} rounds, {arguments.minutes:g} minutes")
    return 0


def search(seed: int, seconds: float, tests: Sequence[str]) -> bool:
    """Run one round, ended after these seconds at the next test; tell whether it found anything."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "--maxfail=1", "--timeout=0"),
            *("-m", "hypothesis", "-p", "no:cacheprovider", "-p", "tests.examples"),
            *("--hypothesis-profile=fuzz", f"--hypothesis-seed={seed}"),
            *(f"--session-timeout={seconds:.1f}", *tests),
        ],
        cwd=CODE_ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    # The end of the time ends a session like a failure does, but then no test is named.
    found = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    if found or done.returncode not in (0, TESTS_FAILED):
        say(done.stdout)
    return bool(found) or done.returncode not in (0, TESTS_FAILED)


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
