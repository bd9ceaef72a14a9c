"""What keeping pictures adds to a run: processor time with it beside the same run without it.

    python -m benchmarks.kept_pictures [--kinds data-set products photographs] [--count 2000]

The images are made here: 28×28 PNGs of drawn garments, product pictures and photographs of
400 × 533 pixels as JPEG. Runs with and without pictures take turns over the same files; the server
is up, and what it takes counts, too. Processor time is told: on a busy machine it is the steadier.
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
import psutil

from benchmarks.measuring import spread
from benchmarks.photographs import GARMENTS, HEIGHT, QUALITY, WIDTH, garment, write_photographs
from fashion_model.drawn.draw import CLASSES
from scoring.processes.managed_server import ManagedServer
from scoring.settings import CODE_ROOT, load_settings


def write_products(folder: Path, count: int) -> None:
    """Write drawn garments on white, each file's content its own."""
    _write(folder, count, (WIDTH, HEIGHT), ".jpg")


def write_data_set(folder: Path, count: int) -> None:
    """Write them in the data set's form: 28×28, grey on black."""
    _write(folder, count, (28, 28), ".png")


def _write(folder: Path, count: int, size: tuple[int, int], suffix: str) -> None:
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    draws = list(CLASSES.values())
    garments = [garment(draws[n % len(draws)], rng) for n in range(GARMENTS)]
    for number in range(count):
        grain = rng.normal(0, 3, (HEIGHT, WIDTH, 3))
        whole = np.clip(250 * garments[number % GARMENTS] + grain, 0, 255).astype(np.uint8)
        picture = whole
        if size != (WIDTH, HEIGHT):
            side = cv2.copyMakeBorder(whole, 0, 0, 66, 67, cv2.BORDER_REPLICATE)
            small = cv2.resize(side, size, interpolation=cv2.INTER_AREA)
            picture = 255 - np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.uint8)
        path = folder / f"img_{number:05}{suffix}"
        cv2.imwrite(str(path), picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])


# kind → (its bundle, how its files are made)
KINDS: dict[str, tuple[str, Callable[[Path, int], None]]] = {
    "data-set": ("fashion_model", write_data_set),
    "products": ("fashion_model", write_products),
    "photographs": ("models/clothing", write_photographs),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Measure in turns and write a line a kind."""
    arguments = _parser().parse_args(argv)
    for kind in arguments.kinds:
        bundle, write = KINDS[kind]
        with tempfile.TemporaryDirectory() as folder:
            project = Path(folder)
            write(project / "image_batches" / "B", arguments.count)
            os.environ["SCORING_PROJECT"] = folder
            os.environ["SCORING_SERVER__MODELS"] = json.dumps([str(CODE_ROOT / bundle)])
            with ManagedServer(load_settings(), port=0) as server:
                server.start()
                server.wait_until_ready()
                turns = range(arguments.rounds + 1)
                pairs = [(_run(server, project, 0), _run(server, project, 10**9)) for _ in turns]
            _report(kind, arguments.count, pairs[1:], _kept(project))
    return 0


def _run(server: ManagedServer, project: Path, pictures_bytes: int) -> float:
    """Score the batch once; return the processor seconds of client and server."""
    if pictures_bytes:
        for path in (project / "data").glob("pictures.db*"):
            path.unlink()
    before = _processor_seconds(server)
    subprocess.run(
        [sys.executable, "-m", "client.request", "B", "--server", server.url],
        cwd=CODE_ROOT,
        check=True,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "SCORING_RECORDS__PICTURES_BYTES": str(pictures_bytes)},
    )
    return _processor_seconds(server) - before


def _processor_seconds(server: ManagedServer) -> float:
    ended, serving = psutil.Process().cpu_times(), psutil.Process(server.pid).cpu_times()
    return float(ended.children_user + ended.children_system + serving.user + serving.system)


def _kept(project: Path) -> tuple[int, float]:
    """Return how many pictures there are, and what one takes in kB."""
    path = project / "data" / "pictures.db"
    with closing(sqlite3.connect(path)) as store:
        (count,) = store.execute("SELECT count(*) FROM pictures").fetchone()
    return int(count), path.stat().st_size / 1000 / max(1, count)


def _report(
    kind: str, count: int, pairs: list[tuple[float, float]], kept: tuple[int, float]
) -> None:
    more = [100 * (with_them / without - 1) for without, with_them in pairs]
    each = [1000 * (with_them - without) / max(1, kept[0]) for without, with_them in pairs]
    without = [1000 * seconds / count for seconds, _ in pairs]
    sys.stdout.write(
        f"{kind}: {count} images at {spread(without)} ms of processor time; {kept[0]} pictures of"
        f" {kept[1]:.1f} kB, {spread(each)} ms each: {spread(more)} % more\n"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.kept_pictures", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--count", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=3)
    return parser


if __name__ == "__main__":
    sys.exit(main())
