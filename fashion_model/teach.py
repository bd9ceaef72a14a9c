"""Teach a model your own classes: a folder of class-named folders becomes a served bundle.

  python -m fashion_model.teach FOLDER --name shop --out models/shop
  python -m fashion_model.teach table.csv --name shop      # columns file,label

No TensorFlow is needed (but for --deep), only what requirements-teach.txt has. Ten readable
pictures a class are the least, twenty are of use. What was read once is known the next time.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from fashion_model.commands import require_packages, run_command
from fashion_model.flags import model_name, whole_number
from scoring.records.telling import telling_never_fails
from scoring.settings import CODE_ROOT

if TYPE_CHECKING:
    from fashion_model.teaching.lesson import Lesson

logger = logging.getLogger("scoring.fashion_model")
CACHE = Path("data") / "features"
REQUIREMENTS = CODE_ROOT / "requirements-teach.txt"


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the command line's values."""
    parser = argparse.ArgumentParser(
        prog="python -m fashion_model.teach",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "source", type=Path, metavar="FOLDER", help="class-named folders, or a CSV of file,label"
    )
    parser.add_argument("--name", type=model_name, required=True, help="what the model is called")
    parser.add_argument("--out", type=Path, help="bundle folder (default: models/NAME)")
    parser.add_argument(
        "--backbone",
        default="auto",
        metavar="FILE",
        help="the frozen network: a .tflite file, a bundle that has one, or auto: the one in"
        " models/backbones that cross-validation prefers (default: %(default)s)",
    )
    parser.add_argument(
        "--cache", type=Path, default=CACHE, help="where features are kept (default: %(default)s)"
    )
    parser.add_argument(
        "--skip-unreadable", action="store_true", help="leave out files that cannot be read"
    )
    parser.add_argument(
        "--deep",
        action="store_true",
        help="then tune the network's last blocks too, with TensorFlow, and keep that where it is"
        " better; minutes to hours, and a killed one goes on",
    )
    parser.add_argument(
        "--steps", type=whole_number(1), help="length of --deep's training in batches of pictures"
    )
    options = parser.parse_args(arguments)
    if options.steps and not options.deep:
        parser.error("--steps is the length of --deep's training: give both")
    return options


def run(options: argparse.Namespace) -> None:
    """Teach a bundle, say how right it is, and where it lies."""
    require_packages("sklearn", "scipy", requirements=REQUIREMENTS)
    if options.deep:
        _require_deep()
    # They take a second to load; a wrong flag is told before that.
    from fashion_model.teaching.preparing import best_lesson
    from fashion_model.teaching.sealing import require_free

    out = options.out or Path("models") / options.name
    require_free(out, options.name)
    lesson, notes = best_lesson(
        options.source, options.backbone, out, options.cache, options.skip_unreadable
    )
    _say(told(lesson, notes))
    _seal(lesson, options.name, out, notes)
    if options.deep:
        _deepen(lesson, options.name, out, notes, options.steps)


def _require_deep() -> None:
    """Raise MissingPackages where the network cannot be tuned: before the work."""
    require_packages("tensorflow")
    from fashion_model.teaching.deep import require_weights

    require_weights()


def _deepen(lesson: Lesson, name: str, out: Path, notes: list[str], steps: int | None) -> None:
    """Tune the network, and put it into the frozen one's place where it is better."""
    from fashion_model.teaching.deep import forget_trainings, tuned_lesson
    from fashion_model.teaching.telling import expectation, tuning_lines

    tuned = tuned_lesson(lesson, name, out, steps)
    _say(["", *tuning_lines(tuned)])
    if tuned.is_better:
        _say(["the tuned network takes the frozen one's place", expectation(tuned)])
        _seal(tuned, name, out, notes)
    else:
        _say([f"that is no better for certain: {out} stays as it is, with the frozen one"])
    forget_trainings(name)


def _seal(lesson: Lesson, name: str, out: Path, notes: list[str]) -> None:
    from fashion_model.teaching.sealing import REPORT_FILE, seal_bundle

    signature = seal_bundle(lesson, name, out, notes)
    _say([f"report: {out / REPORT_FILE}", f"{out}: version {signature.version}"])


def _say(lines: Iterable[str]) -> None:
    for line in lines:
        sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def told(lesson: Lesson, notes: list[str]) -> Iterator[str]:
    """Yield what is said on the screen of a lesson."""
    from fashion_model.teaching.telling import as_text, summary, tables

    for note in notes:
        yield f"note: {note}"
    yield from summary(lesson)
    for table in tables(lesson):
        yield ""
        yield from as_text(table)
    yield ""
    if lesson.suspects:
        yield f"{len(lesson.suspects)} labels may be wrong: the report shows their pictures"


@telling_never_fails()
def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return run_command(run, parse_arguments(arguments))


if __name__ == "__main__":
    sys.exit(main())
