"""Everything side by side: floor, this project, the original's method, and what others pick.

    python -m benchmarks.bench [--parts png,growth] [--rounds 3] [--contenders ours] [--quick]

Contenders take turns; a server is started anew for each turn and has scored a few images
before it counts. Prints a table, and writes ``bench.json``, ``bench.md`` and ``bench.svg`` to
``--out``.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.bench.contenders import ALL, chosen
from benchmarks.bench.parts import PARTS, QUICK, Plan, Sizes, run_part
from benchmarks.bench.picture import picture
from benchmarks.bench.results import Results
from benchmarks.bench.start import start_figures
from benchmarks.bench.table import about, as_json, load, table
from scoring.settings import CODE_ROOT

BEGIN, END = "<!-- make bench: from here -->", "<!-- make bench: to here -->"
PICTURE = "![Seconds that each contender takes, and how the cost grows](bench.svg)"
ENVIRONMENTS = CODE_ROOT / ".venv" / "peers"


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print the table, write the files."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    parts = arguments.parts.split(",")
    if strangers := sorted(set(parts) - set(PARTS)):
        parser.error(f"no part {', '.join(strangers)}; there are: {', '.join(PARTS)}")
    try:
        contenders = chosen([key for key in arguments.contenders.split(",") if key])
    except ValueError as error:
        parser.error(str(error))
    arguments.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        plan = Plan(
            scratch=(arguments.scratch or Path(folder)).resolve(),
            environments=arguments.environments.absolute(),
            sizes=QUICK if arguments.quick else Sizes(),
            rounds=arguments.rounds,
            data=arguments.data,
            contenders=contenders,
        )
        _run(plan, parts, arguments.out)
    if arguments.write:
        publish(arguments.out, CODE_ROOT / "docs")
    return 0


def _run(plan: Plan, parts: list[str], out: Path) -> None:
    """Measure part by part; what is known so far is on disk after each."""
    results, before = Results(), load()
    for part in parts:
        if part == "start":
            results.figures += start_figures(plan)
        else:
            run_part(plan, part, results, lambda: _write(results, plan, before, out))
        _write(results, plan, before, out)
    sys.stdout.write((out / "bench.md").read_text(encoding="utf-8"))


def publish(out: Path, docs: Path) -> None:
    """Put the table between its marks in docs/performance.md, and the picture beside it.

    Raises ValueError where the page has no such marks.
    """
    page = docs / "performance.md"
    before, found, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not (found and ended):
        raise ValueError(f"{page}: there is no {BEGIN} with {END} after it")
    told = (out / "bench.md").read_text(encoding="utf-8")
    page.write_text(f"{before}{BEGIN}\n\n{PICTURE}\n\n{told}\n{END}{after}", encoding="utf-8")
    shutil.copyfile(out / "bench.svg", docs / "bench.svg")


def _write(results: Results, plan: Plan, before: float, out: Path) -> None:
    known = about(plan.rounds, before)
    (out / "bench.md").write_text(table(results, known), encoding="utf-8")
    (out / "bench.svg").write_text(picture(results), encoding="utf-8")
    text = json.dumps(as_json(results, known), indent=1, ensure_ascii=False)
    (out / "bench.json").write_text(text + "\n", encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench")
    parser.add_argument("--parts", default=",".join(PARTS), help="which, with commas")
    parser.add_argument("--rounds", type=int, default=3)
    keys = ", ".join(one.key for one in ALL)
    parser.add_argument("--contenders", default="", help=f"which beside the floor, of {keys}")
    parser.add_argument("--quick", action="store_true", help="few images: does it work?")
    parser.add_argument("--write", action="store_true", help="put it into docs/performance.md")
    parser.add_argument("--data", type=Path, help="folder with the data set's IDX files")
    parser.add_argument("--out", type=Path, default=CODE_ROOT / "logs" / "bench")
    parser.add_argument("--environments", type=Path, default=ENVIRONMENTS, help="the peers'")
    parser.add_argument("--scratch", type=Path, help="where images are made and kept")
    return parser


if __name__ == "__main__":
    sys.exit(main())
