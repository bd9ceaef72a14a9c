"""``python -m tests.faults.every_call``: every writing system call fails once, as SQLite tests.

Client, nightly client, a scheduler's whole cycle and server run once for every n and every such
call: it fails with EIO, with ENOSPC, or kills the program. The oracle is asked each time, after one
more run without a fault. Takes hours; ``--every 20`` tries each twentieth, from another one on for
each ``--start``. Each call has three faults in turn: a step that is a multiple of 3 would try one
of the three ways only, and is refused.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from multiprocessing import get_context
from pathlib import Path

from tests.conftest import BUNDLE
from tests.faults.failing_programs import PROGRAMS, Bench, bench
from tests.faults.system_calls import HOWS, Fault, may_trace

Tried = tuple[str, Fault, str]


def main(argv: Sequence[str] | None = None) -> int:
    """Try what is asked for and print a table; 1 where a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.every_call")
    parser.add_argument("--program", choices=PROGRAMS, action="append", help="default: all")
    parser.add_argument("--every", type=step, default=1, help="try each so-many-th fault only")
    parser.add_argument("--start", type=int, default=0, help="leave so many out before the first")
    parser.add_argument("--jobs", type=int, default=2, help="how many at a time")
    arguments = parser.parse_args(argv)
    if not may_trace():
        parser.error("strace is not there, or may not trace")
    tried: list[Tried] = []
    for program in arguments.program or PROGRAMS:
        for one in try_all(program, arguments.every, arguments.start, arguments.jobs):
            tried.append(one)
            sys.stdout.write(f"{len(tried):>5}  {program:<8} {one[1]!s:<24} {one[2]}\n")
            sys.stdout.flush()
    sys.stdout.write(f"\n{table(tried)}\n")
    return int(any(is_broken(how) for _, _, how in tried))


def step(text: str) -> int:
    """Read how far apart the faults of a sample lie; such that every way to fail comes up."""
    every = int(text)
    if every < 1 or every % len(HOWS) == 0:
        raise argparse.ArgumentTypeError(
            f"take a number from 1 on that is no multiple of {len(HOWS)}: else not each of"
            f" {', '.join(HOWS)} is tried"
        )
    return every


def try_all(program: str, every: int, start: int, jobs: int) -> Iterator[Tried]:
    """Try a program's faults, several at a time, each in a process and project of its own."""
    with (
        tempfile.TemporaryDirectory(prefix="every-call-") as folder,
        ProcessPoolExecutor(jobs, get_context("spawn"), set_up, (folder,)) as pool,
    ):
        faults = pool.submit(faults_of, program).result()[start::every]
        verdicts = pool.map(try_one, [program] * len(faults), faults)
        for fault, verdict in zip(faults, verdicts, strict=True):
            yield program, fault, verdict


def is_broken(verdict: str) -> bool:
    return verdict.startswith("BROKEN")


def table(tried: Sequence[Tried]) -> str:
    """Return the figures: of each program and call, how the faults ended."""
    ends: dict[tuple[str, str], dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    for program, fault, verdict in tried:
        ends[program, fault.call][fault.how]["broken" if is_broken(verdict) else verdict] += 1
    lines = [f"| program | call | {' | '.join(HOWS)} |", "|---|---|" + "---|" * len(HOWS)]
    for (program, call), by_how in ends.items():
        cells = (
            ", ".join(f"{count} {end}" for end, count in sorted(by_how[how].items()))
            for how in HOWS
        )
        lines.append(f"| {program} | {call} | {' | '.join(cells)} |")
    broken = sum(is_broken(verdict) for _, _, verdict in tried)
    return "\n".join([*lines, "", f"{len(tried)} faults, {broken} promises broken"])


# In the processes that try

work: Bench
stay = ExitStack()


def set_up(folder: str) -> None:
    """Make this process's project folder and server, which stay as long as it does."""
    global work
    own = tempfile.mkdtemp(dir=folder)
    os.environ["SCORING_PROJECT"] = own
    os.environ["SCORING_SERVER__MODELS"] = json.dumps([str(BUNDLE)])
    work = stay.enter_context(bench(Path(own)))


def faults_of(program: str) -> list[Fault]:
    return work.faults(program)


def try_one(program: str, fault: Fault) -> str:
    try:
        return work.try_fault(program, fault)
    except Exception as broken:
        return f"BROKEN: {broken}"


if __name__ == "__main__":
    sys.exit(main())
