"""The benchmark works and tells the truth; how long anything takes is nothing for a test."""

from __future__ import annotations

import json
import sys
import xml.etree.ElementTree as xml
from pathlib import Path
from typing import Any

import pytest

from benchmarks.bench import inputs
from benchmarks.bench.__main__ import BEGIN, END, PICTURE, main, publish
from benchmarks.bench.contenders import ALL, chosen
from benchmarks.bench.contenders.peers import PEERS
from benchmarks.bench.contract import FLOOR, SERVED, Contender, Program, Server, Unavailable, Work
from benchmarks.bench.parts import FASHION, Plan, Sizes, run_part
from benchmarks.bench.picture import picture
from benchmarks.bench.results import Figure, Results, Row, ratio, slope_ratio
from benchmarks.bench.running import Measured, run_once, served
from benchmarks.bench.table import about, as_json, table
from benchmarks.bench.targets import TARGETS

FEW = Sizes(png=3, jpeg=1, phone=1, growth=(1, 2), start=1)


def contender(key: str, code: str = "", **more: Any) -> Contender:
    """Return one whose client is a line of Python; its arguments are folder and CSV."""

    def client(work: Work, url: str) -> Program:
        return Program([sys.executable, "-c", code, str(work.folder), str(work.out), url])

    return Contender(key, key, more.pop("group", FLOOR), client, **more)


WRITE = """
import csv, os, sys
rows = [(os.path.join(sys.argv[1], name), {label}, 0.9) for name in sorted(os.listdir(sys.argv[1]))]
csv.writer(open(sys.argv[2], "w", newline="")).writerows(rows)
"""


def measured(seconds: float) -> Measured:
    return Measured(seconds, seconds, seconds, 50.0, 60.0)


def row(part: str, key: str, images: int, *seconds: float) -> Row:
    who = next(one for one in ALL if one.key == key)
    return Row(part, images, who, [measured(one) for one in seconds], 1.0)


def plan(tmp_path: Path, *who: Contender) -> Plan:
    return Plan(tmp_path / "scratch", tmp_path / "none", FEW, 1, None, who)


@pytest.mark.slow
@pytest.mark.parametrize("part", ["png", "jpeg"])
def test_floor_and_this_project_have_the_same_labels(
    part: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--quick", "--rounds", "1", "--parts", part, "--contenders", "ours,cycle"]
    assert main([*options, "--out", str(tmp_path), "--environments", str(tmp_path)]) == 0
    told = json.loads((tmp_path / "bench.json").read_text(encoding="utf-8"))
    rows = {one["contender"]: one for one in told["rows"]}
    assert list(rows) == ["floor", "ours", "cycle"]
    for one in rows.values():
        assert one["error"] is None
        assert one["agreement"] == 1.0
        assert one["rounds"][0]["client_processor"] > 0
    # Of so few images a server may take less than the system counts in: 10 ms.
    assert rows["ours"]["rounds"][0]["server_megabytes"] > 0
    printed = capsys.readouterr().out
    assert printed == (tmp_path / "bench.md").read_text(encoding="utf-8")
    assert "100.00 %" in printed


@pytest.mark.slow
def test_the_start_is_told_and_what_an_image_weighs(tmp_path: Path) -> None:
    options = ["--quick", "--rounds", "1", "--parts", "start", "--out", str(tmp_path)]
    assert main(options) == 0
    told = json.loads((tmp_path / "bench.json").read_text(encoding="utf-8"))
    figures = {one["key"]: one["values"][0] for one in told["figures"]}
    assert set(figures) == {"cycle", "ready", "memory", "one", "none", "zlib"}
    assert all(value > 0 for value in figures.values())
    assert figures["zlib"] < figures["none"]


@pytest.mark.parametrize("peer", PEERS, ids=lambda one: one.key)
def test_a_peer_without_its_environment_is_a_row_with_its_error(
    peer: Contender, tmp_path: Path
) -> None:
    results = Results()
    whole = plan(tmp_path, contender("floor", WRITE.format(label="'Bag'")), peer)
    run_part(whole, "png", results)
    _, missing = results.rows
    assert missing.rounds == []
    assert missing.error is not None
    assert "make bench-peers" in missing.error
    assert missing.error in table(results, about(1, 0.0))


def test_every_peer_has_its_pins_in_a_file() -> None:
    folder = FASHION.parent / "benchmarks" / "peers"
    files = {path.stem.removeprefix("requirements-") for path in folder.glob("*.txt")}
    assert files == {"bentoml", "litserve", "mlflow", "mlserver", "onnx", "ray"}
    for path in folder.glob("*.txt"):
        lines = path.read_text(encoding="utf-8").splitlines()
        assert all("==" in line for line in lines if line and not line.startswith("#"))


def test_labels_are_held_against_the_floors(tmp_path: Path) -> None:
    floor = contender("floor", WRITE.format(label="'Bag'"))
    third = WRITE.format(label="'Bag' if name.endswith('1.png') else 'Coat'")
    results = Results()
    run_part(plan(tmp_path, floor, contender("other", third)), "png", results)
    assert [one.agreement for one in results.rows] == [1.0, pytest.approx(1 / 3)]


def test_one_that_fails_says_why_and_the_others_go_on(tmp_path: Path) -> None:
    floor = contender("floor", WRITE.format(label="'Bag'"))
    broken = contender("broken", "raise SystemExit('no such thing | here')")
    silent = contender("silent", "pass")
    results = Results()
    run_part(plan(tmp_path, broken, silent, floor), "png", results)
    assert "no such thing" in str(results.rows[0].error)
    assert "out.csv" in str(results.rows[1].error)
    assert results.rows[2].rounds
    # Still one cell of the table.
    assert "no such thing / here" in table(results, about(1, 0.0))


def test_what_is_known_is_kept_after_each_of_them(tmp_path: Path) -> None:
    who = [contender(key, WRITE.format(label="'Bag'")) for key in ("floor", "one", "other")]
    results, known = Results(), []
    run_part(plan(tmp_path, *who), "png", results, lambda: known.append(len(told(results))))
    assert known == [1, 2, 3]


def told(results: Results) -> list[Row]:
    return [one for one in results.rows if one.rounds]


def test_the_page_gets_the_table_between_its_marks(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    page = docs / "performance.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    (tmp_path / "bench.md").write_text("new\n", encoding="utf-8")
    (tmp_path / "bench.svg").write_text("<svg/>", encoding="utf-8")
    for _ in range(2):
        publish(tmp_path, docs)
        text = page.read_text(encoding="utf-8")
        assert text == f"before\n{BEGIN}\n\n{PICTURE}\n\nnew\n\n{END}\nafter\n"
    assert (docs / "bench.svg").read_text(encoding="utf-8") == "<svg/>"
    page.write_text("no marks", encoding="utf-8")
    with pytest.raises(ValueError, match="there is no"):
        publish(tmp_path, docs)


def test_the_real_page_has_the_marks() -> None:
    text = (FASHION.parent / "docs" / "performance.md").read_text(encoding="utf-8")
    assert text.index(BEGIN) < text.index(END)


def test_a_server_that_dies_says_why(tmp_path: Path) -> None:
    work = Work(tmp_path, FASHION, tmp_path, tmp_path, tmp_path)
    code = "raise SystemExit('cannot serve')"
    server = Server(lambda work, port: Program([sys.executable, "-c", code]), "/")
    with pytest.raises(Unavailable, match="cannot serve"), served(server, work):
        pass


def test_a_server_and_its_children_are_measured_and_ended(tmp_path: Path) -> None:
    work = Work(tmp_path, FASHION, tmp_path, tmp_path, tmp_path)

    def start(work: Work, port: int) -> Program:
        address = ["--bind", "127.0.0.1", "--directory", str(tmp_path)]
        return Program([sys.executable, "-m", "http.server", str(port), *address])

    with served(Server(start, "/"), work) as serving:
        found = run_once(contender("reader"), work, serving)
        assert serving.process is not None
        assert serving.process.is_running()
        assert found.server_megabytes > 0
    assert not serving.process.is_running()


def test_inputs_are_the_same_each_time_and_fewer_are_the_first_of_them(tmp_path: Path) -> None:
    one, other = (inputs.small_pngs(tmp_path / name, 12, None) for name in "ab")
    few = inputs.fewer(one, 5)
    contents = [path.read_bytes() for path in sorted(one.iterdir())]
    assert len(set(contents)) == 12
    assert contents == [path.read_bytes() for path in sorted(other.iterdir())]
    assert [path.read_bytes() for path in sorted(few.iterdir())] == contents[:5]


def test_ratios_are_taken_round_by_round() -> None:
    fast, slow = row("png", "floor", 9, 1.0, 2.0, 4.0), row("png", "ours", 9, 2.0, 6.0, 8.0)
    assert ratio(slow, fast) == 2.0
    assert ratio(slow, None) is None


def test_the_cost_of_a_further_image_is_a_slope() -> None:
    results = Results([row("growth", "floor", 10, 1.0), row("growth", "floor", 20, 2.0)])
    results.rows += [row("growth", "ours", 10, 5.0), row("growth", "ours", 20, 7.0)]
    assert slope_ratio(results, "ours", "floor") == 2.0
    assert slope_ratio(Results(), "ours", "floor") is None


def whole_results() -> Results:
    rows = [row("png", one.key, 10_000, 1.0 + place) for place, one in enumerate(ALL)]
    for images in (1, 100, 10_000, 100_000):
        rows += [row("growth", key, images, 0.1 + images / 10_000) for key in ("floor", "ours")]
    last = next(one.key for one in ALL if one.group == SERVED)
    rows += [row("growth", last, 100_000, 11.0)]
    rows += [
        row(part, key, 2, 1.0) for part in ("jpeg", "photo", "phone") for key in ("floor", "ours")
    ]
    keys = ("cycle", "ready", "memory", "one", "none", "zlib")
    return Results(rows, [Figure(key, key, "s", (0.1, 0.2, 0.3)) for key in keys])


def test_every_goal_is_held_against_a_number_and_judged() -> None:
    results = whole_results()
    told = as_json(results, about(1, 0.0))
    assert all(one["measured"] is not None for one in told["targets"])
    assert {one["met"] for one in told["targets"]} == {True, False}
    assert [one.met(Results()) for one in TARGETS] == [None] * len(TARGETS)
    lines = [line for line in table(results, about(1, 0.0)).splitlines() if line[:2] == "| "]
    assert sum(line.endswith(("| met |", "| **not met** |")) for line in lines) == len(TARGETS)


def test_the_picture_is_whole_and_both_schemes_are_legible() -> None:
    drawn = picture(whole_results())
    root = xml.fromstring(drawn)
    texts = {one.text for one in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {one.title for one in ALL if one.group == SERVED} <= texts
    assert "prefers-color-scheme: dark" in drawn
    xml.fromstring(picture(Results()))


def test_the_floor_always_takes_part_and_strangers_are_refused() -> None:
    assert [one.key for one in chosen(["ours"])] == ["floor", "ours"]
    assert chosen([]) == list(ALL)
    with pytest.raises(ValueError, match="no contender nobody; there are: floor"):
        chosen(["nobody"])


@pytest.mark.parametrize("options", [["--parts", "nothing"], ["--contenders", "nobody"]])
def test_what_is_not_there_is_named(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(options)
    assert "there are: " in capsys.readouterr().err
