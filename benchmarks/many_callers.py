"""How one server serves many callers at once, measured as an open loop.

    python -m benchmarks.many_callers [--url URL] [--seconds 20] [--rounds 3] [--parts …]

Parts: ``large`` is one caller who posts 10,000 images again and again, alone; ``beside`` the same
with 64 connections that send 200 single images a second in all, and a health check ten times a
second; ``saturation`` single images alone, more and more a second; ``flood`` more of everything
than the server can do. Without ``--url`` a server is started. Latencies count from the time a
request was due.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from urllib.parse import urlsplit

import numpy as np

from benchmarks.measuring import MEGABYTE
from benchmarks.open_loop import Answered, Caller, at_once, get, post, run, timetable
from scoring.processes.managed_server import ManagedServer
from scoring.processes.port_owner import listeners
from scoring.protocol.prediction import encode_request
from scoring.settings import load_settings

LARGE_ROWS = 10_000
PIXELS = 784
CONNECTIONS = 64
RATE = 200.0
HEALTH_RATE = 10.0
RATES = (200, 300, 400, 500, 600, 800, 1_000)
FLOOD_CONNECTIONS = 150
FLOOD_LARGE = 30
PARTS = ("large", "beside", "saturation", "flood")

Address = tuple[str, int]


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and write what was found."""
    arguments = _parser().parse_args(argv)
    with ExitStack() as stack:
        url = arguments.url or _started(stack)
        place = urlsplit(url)
        bench = Bench((place.hostname or "", place.port or 80), arguments.seconds)
        for _ in range(arguments.rounds):
            for part in arguments.parts:
                getattr(bench, part)()
    return 0


class Bench:
    """The parts of the measurement, against one server."""

    def __init__(self, address: Address, seconds: float) -> None:
        self._address = address
        self._seconds = seconds
        self._server = listeners(address[1])[0]
        random = np.random.default_rng(0)
        pixels = random.integers(0, 256, (LARGE_ROWS, PIXELS), np.uint8)
        self._large = post("/predict", encode_request(range(LARGE_ROWS), pixels, None))
        self._single = post("/predict", encode_request(range(1), pixels[:1], None))

    def large(self) -> None:
        """One caller with 10,000 images a request, alone."""
        self._measure("large alone", {"large": self._larges(1), "health": self._health()})

    def beside(self) -> None:
        """The same with 200 single images a second beside it."""
        groups = {"large": self._larges(1), "single": self._singles(CONNECTIONS, RATE)}
        self._measure("large and single", {**groups, "health": self._health()})

    def saturation(self) -> None:
        """Single images alone, at more and more a second."""
        for rate in RATES:
            groups = {"single": self._singles(CONNECTIONS, rate), "health": self._health()}
            self._measure(f"single, {rate}/s", groups)

    def flood(self) -> None:
        """More of both than can be answered: whoever has his answer asks again at once."""
        groups = {
            "large": self._larges(FLOOD_LARGE),
            "single": self._eager(FLOOD_CONNECTIONS),
        }
        self._measure("flood", {**groups, "health": self._health()})

    def _larges(self, connections: int) -> list[Caller]:
        return [Caller(self._address, self._large, at_once()) for _ in range(connections)]

    def _singles(self, connections: int, rate: float) -> list[Caller]:
        return [
            Caller(self._address, self._single, timetable(rate / connections, number / rate))
            for number in range(connections)
        ]

    def _eager(self, connections: int) -> list[Caller]:
        return [Caller(self._address, self._single, at_once()) for _ in range(connections)]

    def _health(self) -> list[Caller]:
        return [Caller(self._address, get("/health/ready"), timetable(HEALTH_RATE))]

    def _measure(self, name: str, groups: dict[str, list[Caller]]) -> None:
        before, own = self._used_by_server(), time.process_time()
        run([caller for callers in groups.values() for caller in callers], self._seconds)
        own, used = time.process_time() - own, self._used_by_server() - before
        write = sys.stdout.write
        write(f"{name}: {self._seconds:g} s, load of the machine {os.getloadavg()[0]:.1f},")
        write(f" cores used: server {used / self._seconds:.2f}, callers {own / self._seconds:.2f};")
        write(f" server {self._server.memory_info().rss / MEGABYTE:.0f} MB\n")
        for group, callers in groups.items():
            write(f"  {group:7}{told(callers, self._seconds, group)}\n")
        sys.stdout.flush()

    def _used_by_server(self) -> float:
        times = self._server.cpu_times()
        return float(times.user + times.system)


def told(callers: list[Caller], seconds: float, group: str) -> str:
    """Return rate, latencies and refusals of some callers in words."""
    answers = [answer for caller in callers for answer in caller.answers]
    good = [answer.seconds * 1000 for answer in answers if answer.status == 200]
    statuses = Counter(answer.status for answer in answers if answer.status != 200)
    if not good:
        return f"no answer; {dict(statuses)}"
    # Of large requests few come to their end: the time they took, not the time there was.
    images, span = (
        (LARGE_ROWS, sum(good) / 1000 / len(callers)) if group == "large" else (1, seconds)
    )
    rate = len(good) * images / span
    middle, late, most = np.percentile(good, [50, 99, 100])
    refused = f"; refused {dict(statuses)} in {slowest(answers):.0f} ms" if statuses else ""
    return f"{rate:7.0f} images/s  p50 {middle:.1f}  p99 {late:.1f}  max {most:.1f} ms{refused}"


def slowest(answers: list[Answered]) -> float:
    """Return the 99th percentile of the milliseconds until a refusal."""
    refusals = [answer.seconds * 1000 for answer in answers if answer.status != 200]
    return float(np.percentile(refusals, 99))


def _started(stack: ExitStack) -> str:
    server = stack.enter_context(ManagedServer(load_settings(), port=0))
    server.start()
    server.wait_until_ready()
    return server.url


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.many_callers", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--url", default="", help="a server on this machine that runs already")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
