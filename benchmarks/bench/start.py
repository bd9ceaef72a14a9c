"""Starting up: cold cycle, server, one image by hand; and what an image weighs on the wire."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Iterator
from pathlib import Path

from benchmarks.bench import inputs
from benchmarks.bench.contenders.ours import BY_HAND, CYCLE, project_of
from benchmarks.bench.contract import Contender, Program, Work
from benchmarks.bench.parts import FASHION, Plan, small_pngs, tell, work_for
from benchmarks.bench.results import Figure
from benchmarks.bench.running import run_once, served

METRICS = Path("logs") / "Metrics-log.csv"
TEXTS = {
    "cycle": ("cold cycle of a small folder, scheduler --once", "s"),
    "ready": ("server with one bundle, start to ready", "s"),
    "memory": ("server with one bundle, ready, peak memory", "MB"),
    "one": ("client.request, one image, server up", "s"),
    "none": ("payload of an image, raw", "bytes"),
    "zlib": ("payload of an image, compressed", "bytes"),
}


def start_figures(plan: Plan) -> list[Figure]:
    """Measure, a value each round."""
    folder = inputs.fewer(small_pngs(plan), plan.sizes.start)
    one = inputs.fewer(folder, 1)
    tell(f"start: {plan.sizes.start} images, {plan.rounds} rounds")
    rounds = [dict(_round(plan, folder, one)) for _ in range(plan.rounds)]
    return [
        Figure(key, text, unit, tuple(found[key] for found in rounds))
        for key, (text, unit) in TEXTS.items()
    ]


def _round(plan: Plan, folder: Path, one: Path) -> Iterator[tuple[str, float]]:
    with work_for(plan, CYCLE, folder, FASHION) as work, served(None, work) as nothing:
        yield "cycle", run_once(CYCLE, work, nothing).wall
    with work_for(plan, BY_HAND, one, FASHION) as work, served(BY_HAND.server, work) as serving:
        yield "ready", serving.seconds
        yield "memory", serving.megabytes()
        run_once(BY_HAND, work, serving)
        with work_for(plan, BY_HAND, folder, FASHION) as other:
            run_once(BY_HAND, other, serving)
        yield "one", run_once(BY_HAND, work, serving).wall
        for compression in ("none", "zlib"):
            with work_for(plan, _packing(compression), folder, FASHION) as packed:
                run_once(_packing(compression), packed, serving)
                yield compression, _payload(packed)


def _packing(compression: str) -> Contender:
    """Return the command by hand with its pixels packed in a certain way."""

    def client(work: Work, url: str) -> Program:
        program = BY_HAND.client(work, url)
        packed = {**program.variables, "SCORING_CLIENT__COMPRESSION": compression}
        return dataclasses.replace(program, variables=packed)

    return dataclasses.replace(BY_HAND, key=compression, client=client)


def _payload(work: Work) -> float:
    """Return the bytes an image that the metrics log tells of the last run."""
    with (project_of(work) / METRICS).open(newline="", encoding="utf-8-sig") as file:
        last = list(csv.DictReader(file))[-1]
    return float(last["Payload bytes"]) / float(last["Images"])
