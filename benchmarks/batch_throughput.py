"""How long a batch takes from command to finished Results.csv, the server being up.

    python -m benchmarks.batch_throughput --data DIR [--count 10000] [--rounds 5] [--baseline]

``--data`` holds the data set's IDX files; its first ``--count`` training images become 28×28 PNGs.
``--baseline`` alternates with the plain way: one process that imports TensorFlow, decodes the same
files with OpenCV, calls ``keras.Model.predict`` and writes a CSV. Times are whole-process wall
seconds; memory is each process's peak resident set.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import psutil

from benchmarks.measuring import Measured, measure, peak_megabytes, spread
from scoring.processes.managed_server import ManagedServer
from scoring.settings import CODE_ROOT, load_settings

IMAGES = "train-images-idx3-ubyte.gz"
IDX_HEADER_BYTES = 16

BASELINE = """
import csv, os, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import cv2, keras, numpy as np
folder, model = sys.argv[1:]
names = sorted(os.listdir(folder))
pixels = np.stack([cv2.imread(f"{folder}/{name}", cv2.IMREAD_GRAYSCALE) for name in names])
logits = keras.models.load_model(model).predict(pixels[..., None].astype("float32"), verbose=0)
with open(os.path.join(os.path.dirname(folder), "baseline.csv"), "w") as file:
    csv.writer(file).writerows(zip(names, logits.argmax(axis=1)))
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and write a table."""
    arguments = _parser().parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        batch = project / "image_batches" / "B"
        write_images(arguments.data / IMAGES, batch, arguments.count)
        os.environ["SCORING_PROJECT"] = str(project)
        os.environ["SCORING_SERVER__MODELS"] = json.dumps([str(CODE_ROOT / "fashion_model")])
        with ManagedServer(load_settings(), port=0) as server:
            server.start()
            server.wait_until_ready()
            client = [sys.executable, "-m", "client.request", "B", "--server", server.url]
            plain = [
                sys.executable,
                "-c",
                BASELINE,
                str(batch),
                str(CODE_ROOT / "fashion_model" / "model.keras"),
            ]
            rounds = [
                (measure(client), measure(plain) if arguments.baseline else None)
                for _ in range(arguments.rounds + 1)
            ][1:]  # the first warms the file cache
            server_peak = peak_megabytes(psutil.Process(server.pid))
    _report(arguments.count, rounds, server_peak)
    return 0


def write_images(idx: Path, folder: Path, count: int) -> None:
    """Write the first ``count`` images of an IDX file as 28×28 PNGs."""
    folder.mkdir(parents=True)
    raw = gzip.decompress(idx.read_bytes())[IDX_HEADER_BYTES:]
    images = np.frombuffer(raw, np.uint8).reshape(-1, 28, 28)
    for number, image in enumerate(images[:count], start=1):
        cv2.imwrite(str(folder / f"img_{number}.png"), image)


def _report(count: int, rounds: list[tuple[Measured, Measured | None]], server_peak: float) -> None:
    write = sys.stdout.write
    seconds = [client.seconds for client, _ in rounds]
    write(f"{count} images, {os.cpu_count()} cores, {len(rounds)} rounds\n")
    write(f"client, command to Results.csv: {spread(seconds)} s")
    write(f"  ({count / statistics.median(seconds):.0f} images/s)\n")
    write(f"peak memory: client {max(client.megabytes for client, _ in rounds):.0f} MB,")
    write(f" server {server_peak:.0f} MB\n")
    pairs = [(client, plain) for client, plain in rounds if plain]
    if pairs:
        write(f"keras in one process: {spread([plain.seconds for _, plain in pairs])} s,")
        write(f" peak {max(plain.megabytes for _, plain in pairs):.0f} MB\n")
        ratios = [plain.seconds / client.seconds for client, plain in pairs]
        write(f"ratio, pair by pair: {spread(ratios)}\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.batch_throughput", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with the IDX files")
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--baseline", action="store_true", help="alternate with plain Keras")
    return parser


if __name__ == "__main__":
    sys.exit(main())
