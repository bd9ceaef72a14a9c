"""Threads take their memory from one heap where the C library can be told so."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from scoring.settings import CODE_ROOT

# Each thread holds and frees memory of its own; malloc_stats() counts the heaps there were.
THREADS = """
import ctypes, sys, threading
from scoring.processes.one_heap import share_one_heap
assert {alone} or share_one_heap()
gate = threading.Barrier(6)
def work():
    held = [bytes(600) for _ in range(100)]
    gate.wait()
threads = [threading.Thread(target=work) for _ in range(6)]
for thread in threads: thread.start()
for thread in threads: thread.join()
ctypes.CDLL(None).malloc_stats()
"""


def heaps(alone: bool) -> int:
    done = subprocess.run(
        [sys.executable, "-c", THREADS.format(alone=alone)],
        cwd=CODE_ROOT, capture_output=True, text=True, check=True,
        env={"PYTHONMALLOC": "malloc"},
    )  # fmt: skip
    return done.stderr.count("Arena ")


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has heaps for threads")
def test_threads_share_one_heap() -> None:
    assert heaps(alone=True) > 1
    assert heaps(alone=False) == 1
