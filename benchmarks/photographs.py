"""How fast photographs go from their folder to Results.csv, beside loops that do nothing else.

    python -m benchmarks.photographs [--bundle models/clothing] [--count 400] [--rounds 5]

The photographs are made here: drawn garments on clutter, 400 x 533 pixels, JPEG of quality 85. A
loop decodes them and runs the bundle's int8 network, a thread a core; there is no head, no answer
and nothing is written. One loop decodes with OpenCV, as anybody would write it, one with the
bundle's preprocessing, which decodes no more than is needed. Start-up is left out of all: the
client scores a batch of few photographs and one of many more, and the difference counts.

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
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, TypeAlias

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
from scoring.protocol.signature import Signature
from scoring.settings import CODE_ROOT, available_cores, load_settings

HEIGHT, WIDTH = 533, 400
QUALITY = 85
GARMENTS = 40  # different ones; the clutter around them never comes twice
FEW = 26


Pixels: TypeAlias = NDArray[np.uint8]
Decode: TypeAlias = Callable[[Path], Pixels]


class Cost(NamedTuple):
    """Wall and processor seconds."""

    wall: float
    processor: float

    def less(self, other: Cost) -> Cost:
        return Cost(self.wall - other.wall, self.processor - other.processor)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure in turns and write a table; with --loop, be one of the loops."""
    arguments = _parser().parse_args(argv)
    if arguments.loop:
        json.dump(loop(arguments.loop, arguments.bundle, arguments.folder), sys.stdout)
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
                [_by_client(server), *(_by_loop(way, arguments.bundle, project) for way in LOOPS)]
                for _ in range(arguments.rounds + 1)
            ][1:]  # the first warms the file cache
    _report(arguments.count, rounds)
    return 0


def write_photographs(folder: Path, count: int) -> None:
    """Write drawn garments on clutter, each file's content its own."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    draws = list(CLASSES.values())
    garments = [garment(draws[n % len(draws)], rng) for n in range(min(count, GARMENTS))]
    for number in range(count):
        coarse = rng.integers(60, 256, (9, 7, 3), dtype=np.uint8)
        scene = cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
        grain = rng.normal(0, 6, scene.shape)
        seen = scene * garments[number % GARMENTS] + grain
        photograph = np.clip(seen, 0, 255).astype(np.uint8)
        path = folder / f"IMG_{number:04}.jpg"
        cv2.imwrite(str(path), photograph, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])


def garment(draw: Draw, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw one on a light background, float64 (height, width, 3) of 0 to 1."""
    picture = draw_picture(draw, LIGHT, rng)
    whole = cv2.resize(picture, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA) / 255
    return whole[:, :, :3] if whole.shape[2] == 3 else 1 - (1 - whole[:, :, :3]) * whole[:, :, 3:]


def loop(way: str, bundle_folder: Path, folder: Path) -> Cost:
    """Decode and run the network over a folder's photographs; return what it took."""
    cv2.setNumThreads(1)
    bundle = load_bundle(bundle_folder)
    decode = LOOPS[way](bundle.signature)
    paths = sorted(folder.iterdir())
    runners = [BlockRunner(bundle, 1) for _ in range(available_cores())]

    def run(share: int) -> None:
        for path in paths[share :: len(runners)]:
            runners[share].features(decode(path).reshape(1, -1))

    with ThreadPoolExecutor(len(runners)) as threads:
        started, processor = time.perf_counter(), time.process_time()
        list(threads.map(run, range(len(runners))))
        return Cost(time.perf_counter() - started, time.process_time() - processor)


def _opencv(signature: Signature) -> Decode:
    height, width, _ = signature.input.shape

    def decode(path: Path) -> Pixels:
        whole = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
        assert whole is not None
        fitted = cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA)
        return np.asarray(fitted, np.uint8)

    return decode


def _preprocessing(signature: Signature) -> Decode:
    preprocess = find_for(signature.preprocessing, signature.input)
    limits = DecodeLimits(10**8, 10**8)
    return lambda path: preprocess(path.read_bytes(), signature.input.shape, limits).values


LOOPS: dict[str, Callable[[Signature], Decode]] = {
    "OpenCV": _opencv,
    "preprocessing": _preprocessing,
}


def _by_loop(way: str, bundle: Path, project: Path) -> Cost:
    """Have a loop run in a process of its own, over as many photographs as count."""
    folder = project / "image_batches" / "many"
    options = ["--loop", way, "--bundle", str(bundle), "--folder", str(folder)]
    told = subprocess.run(
        [sys.executable, "-m", "benchmarks.photographs", *options],
        cwd=CODE_ROOT,
        check=True,
        stdout=subprocess.PIPE,
    )
    share = 1 - FEW / len(list(folder.iterdir()))
    return Cost(*(seconds * share for seconds in json.loads(told.stdout)))


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


def _report(count: int, rounds: list[list[Cost]]) -> None:
    write = sys.stdout.write
    write(f"{count} photographs of {WIDTH} x {HEIGHT}, {available_cores()} cores,")
    write(f" {len(rounds)} rounds, start-up left out\n")
    client, *loops = (list(costs) for costs in zip(*rounds, strict=True))
    _tell_rate("client, folder to Results.csv", count, client)
    for way, costs in zip(LOOPS, loops, strict=True):
        _tell_rate(f"loop with {way}", count, costs)
        for what in ("wall", "processor"):
            pairs = zip(costs, client, strict=True)
            ratios = [getattr(plain, what) / getattr(ours, what) for plain, ours in pairs]
            write(f"  ratio of {what} time, pair by pair: {spread(ratios)}\n")


def _tell_rate(who: str, count: int, costs: list[Cost]) -> None:
    rate = count / statistics.median(cost.wall for cost in costs)
    each = 1000 * statistics.median(cost.processor for cost in costs) / count
    sys.stdout.write(f"{who}: {rate:.0f} photographs/s, {each:.2f} ms of processor time each\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.photographs", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--bundle", type=Path, default=CODE_ROOT / "models" / "clothing")
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--loop", choices=LOOPS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
