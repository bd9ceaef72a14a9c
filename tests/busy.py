"""``python -m tests.busy --quick 10 --tests 3``: the suite on a machine that has other work.

Two loops under ``nice 5`` run as long as the tests do: a test that needs an idle machine fails.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from scoring.settings import CODE_ROOT

LOOPS = 2
NICE = 5
QUICK = ("-m", "not slow and not long")


def main(argv: Sequence[str] | None = None) -> int:
    """Run quick part and tests as often as asked for; return how many of these runs failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.busy")
    parser.add_argument("--quick", type=int, default=10, help="times to run the quick part")
    parser.add_argument("--tests", type=int, default=3, help="times to run all but the long part")
    arguments = parser.parse_args(argv)
    parts = [("quick", QUICK)] * arguments.quick + [("tests", ())] * arguments.tests
    with ExitStack() as stack:
        for _ in range(LOOPS):
            stack.enter_context(busy_loop())
        return sum(run(name, options) for name, options in parts)


@contextmanager
def busy_loop() -> Iterator[None]:
    command = ["nice", "-n", str(NICE), sys.executable, "-c", "while True: pass"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.kill()


def run(name: str, options: Sequence[str]) -> bool:
    """Run pytest once and print how it ended; tell whether anything failed."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options],
        cwd=CODE_ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.stdout.write(done.stdout)
    sys.stdout.write(f"{name}  {done.stdout.splitlines()[-1]}\n")
    sys.stdout.flush()
    return done.returncode != 0


if __name__ == "__main__":
    sys.exit(main())
