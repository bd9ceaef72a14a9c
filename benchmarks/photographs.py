"""How fast photographs go from their folder to Results.csv, beside a loop that does nothing else.

    python -m benchmarks.photographs [--bundle models/clothing] [--count 400] [--rounds 5]

The photographs are made here: drawn garments on clutter, 400 x 533 pixels, JPEG of quality 85. The
loop decodes them as the bundle's preprocessing does and runs its int8 network, a thread a core;
there is no head, no answer and nothing is written. Start-up is left out of both: the client scores
a batch of few photographs and one of many more, and the difference counts.

Processor time is told besides: on a busy machine it is the steadier of the two ratios.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import psutil
from numpy.typing import NDArray

from benchmarks.measuring import spread
from fashion_model.drawn.draw import CLASSES, LIGHT, Draw, draw_picture
from scoring.inference.bundle import load_bundle
from scoring.inference.interpreter_pool import BlockRunner
from scoring.preprocessing.decode import DecodeLimits
from scoring.preprocessing.registry import find_for
from scoring.processes.managed_server import ManagedServer
from scoring.settings import CODE_ROOT, available_cores, load_settings

HEIGHT, WIDTH = 533, 400
QUALITY = 85
GARMENTS = 40  # different ones; the clutter around them never comes twice
FEW = 26


@dataclass(frozen=True)
class Cost:
    """Wall and processor seconds."""

    wall: float
    processor: float

    def less(self, other: Cost) -> Cost:
        return Cost(self.wall - other.wall, self.processor - other.processor)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure in turns and write a table; with --plain, be the plain loop."""
    arguments = _parser().parse_args(argv)
    if arguments.plain:
        json.dump(plain_loop(arguments.bundle, arguments.plain), sys.stdout)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        for name, count in (("few", FEW), ("many", FEW + arguments.count)):
            write_photographs(project / "image_batches" / name, count)
        os.environ["SCORING_PROJECT"] = folder
        os.environ["SCORING_SERVER__MODELS"] = json.dumps([str(arguments.bundle.resolve())])
        with ManagedServer(load_settings(), port=0) as server:
            server.start()
            server.wait_until_ready()
            rounds = [
                (_by_client(server), _by_plain_loop(arguments.bundle, project))
                for _ in range(arguments.rounds + 1)
            ][1:]  # the first warms the file cache
    _report(arguments.count, rounds)
    return 0


def write_photographs(folder: Path, count: int) -> None:
    """Write drawn garments on clutter, each file's content its own."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    draws = list(CLASSES.values())
    garments = [_garment(draws[n % len(draws)], rng) for n in range(min(count, GARMENTS))]
    for number in range(count):
        coarse = rng.integers(60, 256, (9, 7, 3), dtype=np.uint8)
        scene = cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
        grain = rng.normal(0, 6, scene.shape)
        seen = scene * garments[number % GARMENTS] + grain
        photograph = np.clip(seen, 0, 255).astype(np.uint8)
        path = folder / f"IMG_{number:04}.jpg"
        cv2.imwrite(str(path), photograph, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])


def _garment(draw: Draw, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw one on a light background, float64 (height, width, 3) of 0 to 1."""
    picture = draw_picture(draw, LIGHT, rng)
    whole = cv2.resize(picture, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA) / 255
    return whole[:, :, :3] if whole.shape[2] == 3 else 1 - (1 - whole[:, :, :3]) * whole[:, :, 3:]


def plain_loop(bundle_folder: Path, folder: Path) -> tuple[float, float]:
    """Decode and run the network over a folder's photographs; return wall and processor seconds."""
    cv2.setNumThreads(1)
    bundle = load_bundle(bundle_folder)
    signature = bundle.signature
    preprocess = find_for(signature.preprocessing, signature.input)
    limits = DecodeLimits(10**8, 10**8)
    paths = sorted(folder.iterdir())
    runners = [BlockRunner(bundle, 1) for _ in range(available_cores())]

    def run(share: int) -> None:
        for path in paths[share :: len(runners)]:
            pixels = preprocess(path.read_bytes(), signature.input.shape, limits)
            runners[share].features(pixels.values[None])

    with ThreadPoolExecutor(len(runners)) as threads:
        started, processor = time.perf_counter(), time.process_time()
        list(threads.map(run, range(len(runners))))
        return time.perf_counter() - started, time.process_time() - processor


def _by_plain_loop(bundle: Path, project: Path) -> Cost:
    """Have the loop run in a process of its own."""
    folder = project / "image_batches" / "many"
    command = ["-m", "benchmarks.photographs", "--bundle", str(bundle), "--plain", str(folder)]
    told = subprocess.run(
        [sys.executable, *command], cwd=CODE_ROOT, check=True, stdout=subprocess.PIPE
    )
    share = 1 - FEW / len(list(folder.iterdir()))
    wall, processor = json.loads(told.stdout)
    return Cost(wall * share, processor * share)


def _by_client(server: ManagedServer) -> Cost:
    return _request(server, "many").less(_request(server, "few"))


def _request(server: ManagedServer, batch: str) -> Cost:
    """Score a batch by the command; what the server takes for it counts, too."""
    command = ["-m", "client.request", batch, "--server", server.url]
    processor, started = _processor_seconds(server), time.perf_counter()
    subprocess.run([sys.executable, *command], cwd=CODE_ROOT, check=True, stdout=subprocess.DEVNULL)
    return Cost(time.perf_counter() - started, _processor_seconds(server) - processor)


def _processor_seconds(server: ManagedServer) -> float:
    """Return what the server and all children that have ended took so far."""
    ended, serving = psutil.Process().cpu_times(), psutil.Process(server.pid).cpu_times()
    return float(ended.children_user + ended.children_system + serving.user + serving.system)


def _report(count: int, rounds: list[tuple[Cost, Cost]]) -> None:
    write = sys.stdout.write
    write(f"{count} photographs of {WIDTH} x {HEIGHT}, {available_cores()} cores,")
    write(f" {len(rounds)} rounds, start-up left out\n")
    for who, costs in (
        ("client, folder to Results.csv", [client for client, _ in rounds]),
        ("plain loop", [plain for _, plain in rounds]),
    ):
        rate = count / statistics.median(cost.wall for cost in costs)
        processor = 1000 * statistics.median(cost.processor for cost in costs) / count
        write(f"{who}: {rate:.0f} photographs/s, {processor:.2f} ms of processor time each\n")
    for what in ("wall", "processor"):
        ratios = [getattr(plain, what) / getattr(client, what) for client, plain in rounds]
        write(f"ratio of {what} time, pair by pair: {spread(ratios)}\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.photographs", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--bundle", type=Path, default=CODE_ROOT / "models" / "clothing")
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--plain", type=Path, help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
