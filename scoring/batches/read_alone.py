"""One image decoded by a process of its own, which may die of it.

    python -m scoring.batches.read_alone < a line of JSON, then the file's bytes

The answer on standard output is a line of JSON, then the pixels.
"""

from __future__ import annotations

import faulthandler
import json
import sys

import numpy as np
from msgspec import Struct
from msgspec.structs import asdict

from scoring.preprocessing.decode import DecodeError, DecodeLimits
from scoring.preprocessing.pixels import Pixels, Preprocess, Shape
from scoring.preprocessing.registry import find
from scoring.settings import CODE_ROOT

MODULE = "scoring.batches.read_alone"
# What the process takes to be up, on a machine that has other work.
START_SECONDS = 30.0


class EndedTheReader(DecodeError):
    """The process that decoded the file died of it, or did not come to an end."""

    code = "ended_the_reader"

    def __init__(self, how: str) -> None:
        super().__init__(f"decoding it {how}, tried alone: save the picture again")


class Task(Struct, frozen=True):
    """What the other process is to do; nobody waits for it ``orphaned_after`` seconds."""

    preprocessing: str
    version: int
    shape: Shape
    max_pixels: int
    max_bytes: int
    orphaned_after: float


def read_alone(
    data: bytes, preprocess: Preprocess, shape: Shape, limits: DecodeLimits, seconds: float
) -> Pixels:
    """Return the pixels of an image file, decoded by another process. Raises DecodeError."""
    import subprocess  # hardly any run needs it

    task = Task(
        preprocess.name, preprocess.version, shape, limits.max_pixels, limits.max_bytes,
        orphaned_after=seconds + 2 * START_SECONDS,
    )  # fmt: skip
    try:
        done = subprocess.run(
            [sys.executable, "-m", MODULE],
            input=json.dumps(asdict(task)).encode() + b"\n" + data,
            capture_output=True,
            cwd=CODE_ROOT,
            timeout=seconds + START_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise EndedTheReader(f"takes more than {seconds:g} s") from None
    if done.returncode != 0:
        raise EndedTheReader(f"ends the program that does it (exit code {done.returncode})")
    head, _, pixels = done.stdout.partition(b"\n")
    answer = json.loads(head)
    if "error" in answer:
        raise DecodeError(answer["error"])
    return Pixels(np.frombuffer(pixels, np.uint8), answer["review"], answer["note"])


def main() -> int:
    """Answer the one task on standard input."""
    head, _, data = sys.stdin.buffer.read().partition(b"\n")
    task = Task(**json.loads(head))
    # A thread of C ends this process, also while a decoder holds the interpreter.
    faulthandler.dump_traceback_later(task.orphaned_after, exit=True)
    height, width, channels = task.shape
    try:
        pixels = find(task.preprocessing, task.version)(
            data, (height, width, channels), DecodeLimits(task.max_pixels, task.max_bytes)
        )
    except DecodeError as error:
        _answer({"error": str(error)})
    except MemoryError:
        _answer({"error": "there is not enough memory to decode it: shrink it"})
    else:
        _answer({"review": pixels.review, "note": pixels.note}, pixels.values.tobytes())
    return 0


def _answer(head: dict[str, str | None], pixels: bytes = b"") -> None:
    sys.stdout.buffer.write(json.dumps(head).encode() + b"\n" + pixels)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main())
