"""The parts of the benchmark: which images, which bundle, who takes part; and rounds in turns."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.bench import inputs
from benchmarks.bench.contract import FLOOR, PROJECT, SERVED, Contender, Unavailable, Work
from benchmarks.bench.results import Results, Row
from benchmarks.bench.running import Measured, run_once, served
from scoring.settings import CODE_ROOT

FASHION = CODE_ROOT / "fashion_model"
CLOTHING = CODE_ROOT / "models" / "clothing"
WARM_IMAGES = 16
PARTS = ("png", "jpeg", "photo", "phone", "growth", "start")
# What a program that another one left behind may raise, apart from a run that failed.
UNREADABLE = (Unavailable, OSError, ValueError, KeyError, IndexError)

Keep = Callable[[], None]


@dataclass(frozen=True)
class Sizes:
    """How many images each part has."""

    png: int = 10_000
    jpeg: int = 2_000
    phone: int = 200
    growth: tuple[int, ...] = (1, 100, 1_000, 10_000, 100_000)
    start: int = 100


QUICK = Sizes(png=40, jpeg=4, phone=2, growth=(1, 20, 40), start=4)


@dataclass(frozen=True)
class Plan:
    """A whole run: where it writes, how often and how much."""

    scratch: Path
    environments: Path
    sizes: Sizes
    rounds: int
    data: Path | None
    contenders: Sequence[Contender]


def run_part(plan: Plan, part: str, results: Results, keep: Keep = lambda: None) -> None:
    """Make a part's images, measure and add its rows to ``results``.

    ``keep`` is called after each measurement: an hour's run that is stopped has told what it knew.
    """
    for folder, bundle in _folders(plan, part):
        images = len(list(folder.iterdir()))
        last = part == "growth" and images == max(plan.sizes.growth)
        who = [one for one in plan.contenders if _takes_part(one, part, last)]
        tell(f"{part}: {images} images, {len(who)} contenders, {plan.rounds} rounds")
        rows = [Row(part, images, one) for one in who]
        results.rows += rows
        _in_turns(plan, rows, folder, bundle, keep)


def tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _folders(plan: Plan, part: str) -> Iterator[tuple[Path, Path]]:
    root, sizes = plan.scratch / "inputs", plan.sizes
    if part == "png":
        yield inputs.fewer(small_pngs(plan), sizes.png), FASHION
    elif part == "jpeg":
        yield inputs.product_jpegs(root, sizes.jpeg), FASHION
    elif part == "photo":
        yield inputs.product_jpegs(root, sizes.jpeg), CLOTHING
    elif part == "phone":
        yield inputs.phone_jpegs(root, sizes.phone), CLOTHING
    else:
        for images in sizes.growth:
            yield inputs.fewer(small_pngs(plan), images), FASHION


def small_pngs(plan: Plan) -> Path:
    """Return a folder with all small PNGs that any part needs, made when it is first asked for."""
    return inputs.small_pngs(
        plan.scratch / "inputs", max(plan.sizes.png, *plan.sizes.growth), plan.data
    )


def _takes_part(contender: Contender, part: str, last: bool) -> bool:
    """Tell who is measured: all over PNGs, the quick ones over growth, others where they can."""
    if part == "png":
        return True
    if part == "growth":
        quick = contender.group == FLOOR or contender.key == "ours"
        return quick or (last and contender.group == SERVED)
    return contender.any_image and contender.group in (FLOOR, PROJECT)


def _in_turns(plan: Plan, rows: list[Row], folder: Path, bundle: Path, keep: Keep) -> None:
    """Measure round by round, each round beginning with another contender."""
    labels: dict[str, dict[str, str]] = {}
    for number in range(plan.rounds):
        turn = number % len(rows)
        for row in [*rows[turn:], *rows[:turn]]:
            if row.error is not None:
                continue
            _measure(plan, row, folder, bundle, number, labels)
            floor = labels.get(rows[0].contender.key, {})
            for one in rows:
                one.agreement = _agreement(floor, labels.get(one.contender.key))
            keep()


def _measure(
    plan: Plan,
    row: Row,
    folder: Path,
    bundle: Path,
    number: int,
    labels: dict[str, dict[str, str]],
) -> None:
    try:
        with work_for(plan, row.contender, folder, bundle) as work:
            measured, found = _score(plan, row.contender, work, first=number == 0)
    except UNREADABLE as error:
        kind = "" if isinstance(error, Unavailable) else f"{type(error).__name__}: "
        row.error = f"{kind}{error}"
        tell(f"  {row.contender.key}: {row.error}")
        return
    row.rounds.append(measured)
    labels[row.contender.key] = found
    tell(f"  {row.contender.key}: {measured.wall:.2f} s, processor {measured.processor:.2f} s")


def _score(
    plan: Plan, contender: Contender, work: Work, first: bool
) -> tuple[Measured, dict[str, str]]:
    """Measure once; before it a server, and in the first round everybody, has a few images."""
    if first:
        contender.prepare(work)
    with served(contender.server, work) as serving:
        if first or contender.server:
            few = inputs.fewer(work.folder, min(WARM_IMAGES, len(list(work.folder.iterdir()))))
            with work_for(plan, contender, few, work.bundle) as warm:
                run_once(contender, warm, serving)
        measured = run_once(contender, work, serving)
    return measured, contender.labels(work)


@contextmanager
def work_for(plan: Plan, contender: Contender, folder: Path, bundle: Path) -> Iterator[Work]:
    """Give a contender an empty folder to write into, which is gone afterwards."""
    kept = plan.scratch / "kept" / contender.key
    kept.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f"{contender.key}-", dir=plan.scratch))
    try:
        yield Work(folder, bundle, scratch, kept, plan.environments)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _agreement(floor: dict[str, str], found: dict[str, str] | None) -> float | None:
    """Return the share of the floor's images that have the floor's label; a missing one has not."""
    if not floor or found is None:
        return None
    return sum(found.get(name) == label for name, label in floor.items()) / len(floor)
