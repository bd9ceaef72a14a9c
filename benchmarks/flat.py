"""What a million images cost, and whether memory stays where it was after the first fifty thousand.

    python -m benchmarks.flat [--images 1000000] [--layout one|folders|batches]
        [--each 10000] [--kill-at N]

A thousand garments are drawn at 28×28 and linked until there are enough names: in ONE folder, in
folders of ``--each`` within one batch, or in batches of so many. A server and
``python -m client.request`` of their own run over them; each second both are looked at. With
``--kill-at`` the client is killed at that many images and started once more. Costs are seconds of
processor time (user and system); memory is resident, in MB. A line is written at each mark.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import psutil
from numpy.typing import NDArray

from benchmarks.measuring import MEGABYTE, peak_megabytes
from fashion_model.drawn.draw import CLASSES, DARK, cropped
from scoring.processes.managed_server import ManagedServer
from scoring.settings import CODE_ROOT, Settings, load_settings

DIFFERENT = 1_000
SIDE = 28
DRAWN_SIDE = 112
LOOK_SECONDS = 1.0
MARKS = (10_000, 50_000, 100_000, 200_000, 400_000, 600_000, 800_000, 1_000_000)
LAYOUTS = ("one", "folders", "batches")
COLUMNS = ("images", "wall s", "client s", "server s", "ms an image", "client MB", "peak",
           "server MB", "peak", "ledger MB", "log MB")  # fmt: skip
WIDTH = 12


@dataclass(frozen=True)
class Sample:
    """What was seen at one moment of a run."""

    images: int
    wall: float
    client_cpu: float
    server_cpu: float
    client_mb: float
    server_mb: float

    @property
    def cpu(self) -> float:
        """Processor seconds of both."""
        return self.client_cpu + self.server_cpu


def main(argv: Sequence[str] | None = None) -> int:
    """Make the tree, run over it, write a table."""
    arguments = _parser().parse_args(argv)
    if arguments.folder:
        arguments.folder.mkdir(parents=True, exist_ok=True)
    project = Path(tempfile.mkdtemp(prefix="flat-", dir=arguments.folder))
    try:
        os.environ["SCORING_PROJECT"] = str(project)
        os.environ["SCORING_SERVER__MODELS"] = json.dumps([str(CODE_ROOT / "fashion_model")])
        settings = load_settings()
        batches = make_tree(
            settings.batches_folder, arguments.images, arguments.layout, arguments.each
        )
        with ManagedServer(settings, port=0) as server:
            server.start()
            server.wait_until_ready()
            run = Watched(settings, server, batches)
            if arguments.kill_at:
                run.watch(kill_at=arguments.kill_at)
            run.watch()
        _tell_results(settings)
    finally:
        if not arguments.keep:
            shutil.rmtree(project)
    return 0


def make_tree(home: Path, images: int, layout: str, each: int) -> list[str]:
    """Link the drawn garments under ``images`` names; return the batches to score.

    All but the layout ``one`` have ``each`` of them in a folder.
    """
    drawn = draw_garments(home.with_name("drawn"))
    batches: dict[str, None] = {}
    made = set()
    for number in range(images):
        place = number // each
        batch = f"B{place}" if layout == "batches" else "M"
        folder = home / batch / f"part-{place}" if layout == "folders" else home / batch
        if folder not in made:
            folder.mkdir(parents=True)
            made.add(folder)
            batches[batch] = None
        os.link(drawn[number % len(drawn)], folder / f"img_{number + 1}.png")
    return list(batches)


def draw_garments(folder: Path) -> list[Path]:
    """Draw garments as the data set has them: light on black, 28×28 grey pixels, PNG."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(1)
    draws = list(CLASSES.values())
    paths = []
    for number in range(DIFFERENT):
        sheet = draws[number % len(draws)](DRAWN_SIDE, DARK.palette, rng)
        colour, cover = cropped(*sheet.finished())
        paths.append(folder / f"{number}.png")
        cv2.imwrite(str(paths[-1]), _small((colour * cover[:, :, None]).mean(axis=2)))
    return paths


def _small(grey: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Bring a garment into the middle of a black square."""
    scale = SIDE / max(grey.shape)
    height, width = (max(1, round(side * scale)) for side in grey.shape)
    square = np.zeros((SIDE, SIDE), np.uint8)
    top, left = (SIDE - height) // 2, (SIDE - width) // 2
    small = cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA)
    square[top : top + height, left : left + width] = np.clip(np.rint(small), 0, 255)
    return square


class Watched:
    """Runs the client over some batches, and looks at it and at the server each second."""

    def __init__(self, settings: Settings, server: ManagedServer, batches: list[str]) -> None:
        self._settings = settings
        self._server = psutil.Process(server.pid)
        self._command = [sys.executable, "-m", "client.request", *batches, "--server", server.url]

    def watch(self, kill_at: int | None = None) -> None:
        """Run to the end, or kill it at so many images; write a line at each mark."""
        sys.stdout.write("".join(f"{name:>{WIDTH}}" for name in COLUMNS) + "\n")
        server_before = _cpu(self._server)
        client = psutil.Popen(self._command, cwd=CODE_ROOT, stdout=subprocess.DEVNULL)
        started = time.perf_counter()
        last = before = Sample(self._done(), 0, 0, 0, 0, 0)
        begun = before.images
        marks = [mark for mark in MARKS if mark > begun]
        peaks = (0.0, 0.0)
        while client.poll() is None:
            with suppress(psutil.NoSuchProcess):
                last = Sample(
                    self._done(), time.perf_counter() - started, _cpu(client),
                    _cpu(self._server) - server_before, _rss(client), _rss(self._server),
                )  # fmt: skip
                peaks = peak_megabytes(client), peak_megabytes(self._server)
            if kill_at and last.images >= kill_at:
                client.kill()
                client.wait()
                self._tell(last, before, peaks)
                sys.stdout.write("killed\n")
                return
            if marks and last.images >= marks[0]:
                self._tell(last, before, peaks)
                before = last
                marks = [mark for mark in marks if mark > last.images]
            time.sleep(LOOK_SECONDS)
        self._tell(last, before, peaks)
        whole = last.cpu / max(1, last.images - begun)
        sys.stdout.write(f"whole run: {1000 * whole:.4f} ms of processor time an image scored; ")
        sys.stdout.write(f"exit code {client.returncode}\n")

    def _tell(self, now: Sample, before: Sample, peaks: tuple[float, float]) -> None:
        images = max(1, now.images - before.images)
        ledger = self._settings.ledger_file
        sizes = [_size(ledger), _size(ledger.with_name(f"{ledger.name}-wal"))]
        cost = 1000 * (now.cpu - before.cpu) / images
        cells = (f"{now.images}", f"{now.wall:.1f}", f"{now.client_cpu:.1f}",
                 f"{now.server_cpu:.1f}", f"{cost:.4f}", f"{now.client_mb:.0f}",
                 f"{peaks[0]:.0f}", f"{now.server_mb:.0f}", f"{peaks[1]:.0f}",
                 *(f"{size:.0f}" for size in sizes))  # fmt: skip
        sys.stdout.write("".join(f"{cell:>{WIDTH}}" for cell in cells) + "\n")
        sys.stdout.flush()

    def _done(self) -> int:
        """Return how many predictions are committed: their ids count them."""
        if not self._settings.ledger_file.exists():
            return 0
        with closing(sqlite3.connect(self._settings.ledger_file)) as ledger:
            try:
                ((last,),) = ledger.execute("SELECT max(id) FROM predictions").fetchall()
            except sqlite3.OperationalError:  # its tables are being made
                return 0
        return last or 0


def _tell_results(settings: Settings) -> None:
    with settings.results_file.open(encoding="utf-8") as file:
        rows = sum(1 for _ in file) - 1
    sys.stdout.write(f"Results.csv: {rows} rows, {_size(settings.results_file):.0f} MB\n")


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _rss(process: psutil.Process) -> float:
    return float(process.memory_info().rss) / MEGABYTE


def _size(path: Path) -> float:
    return path.stat().st_size / MEGABYTE if path.exists() else 0.0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.flat", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--layout", choices=LAYOUTS, default="one")
    parser.add_argument("--each", type=int, default=10_000, help="images in a folder or batch")
    parser.add_argument("--kill-at", type=int, help="kill the client there, and go on")
    parser.add_argument("--folder", type=Path, help="where the tree lies (the system's, for files)")
    parser.add_argument("--keep", action="store_true", help="leave the tree and the ledger there")
    return parser


if __name__ == "__main__":
    sys.exit(main())
