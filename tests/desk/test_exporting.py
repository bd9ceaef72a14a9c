"""Reviews leave as CSV, and come back without writing over what is newer."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from desk.__main__ import main
from scoring.protocol.errors import ExitCode
from scoring.settings import CODE_ROOT, Settings
from tests.deadlines import DEADLINE
from tests.scoring.records.results_desk import ResultsDesk
from tests.scoring.records.scored import picture


@pytest.fixture
def desk(settings: Settings) -> Iterator[ResultsDesk]:
    desk = ResultsDesk(settings)
    yield desk
    desk.ledger.close()


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def table(folder: Path, *lines: str, header: str = "batch,image,label") -> str:
    path = folder / "labels.csv"
    path.write_text("\n".join((header, *lines)) + "\n", "utf-8")
    return str(path)


def test_what_stands_is_exported_and_all_of_it_where_that_is_asked_for(
    desk: ResultsDesk, tmp_path: Path
) -> None:
    first = desk.decide(1, "Coat")
    desk.decide(1, "Shirt")
    desk.labels.undo(desk.decide(2, "Bag").id, "ben")
    out = tmp_path / "reviews.csv"
    assert main(["export", str(out)]) == ExitCode.DONE
    (row,) = read(out)
    assert (row["batch"], row["image"], row["content hash"]) == ("G1", "1.png", "a1")
    assert (row["label"], row["reviewer"], row["predicted"]) == ("Shirt", "anna", "Bag")
    assert row["replaces"] == str(first.id)
    assert main(["export", str(out), "--all"]) == ExitCode.DONE
    assert [row["label"] for row in read(out)] == ["Coat", "Shirt", "Bag", "undone"]


def test_an_export_goes_to_standard_output_in_utf_8(
    desk: ResultsDesk, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    desk.labels.add(picture(1), "label", "Coat", reviewer="衣", source="desk")
    assert main(["export"]) == ExitCode.DONE
    header, row = capfdbinary.readouterr().out.splitlines()
    assert header.startswith(b"batch,image,content hash,label,")
    assert row.decode("utf-8").startswith("G1,1.png,a1,Coat,衣,desk,")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is full is Linux's")
def test_an_export_that_is_lost_is_told(desk: ResultsDesk) -> None:
    desk.decide(1, "Coat")
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "desk", "export"],
            cwd=CODE_ROOT, stdout=full, stderr=subprocess.PIPE, text=True, timeout=DEADLINE,
        )  # fmt: skip
    assert done.returncode == ExitCode.FAILED
    assert done.stderr == "error: the standard output cannot be written: No space left on device\n"


SHELL = pytest.mark.skipif(os.name == "nt", reason="what a shell does with a standard output")


@SHELL
def test_an_export_to_a_closed_output_is_told(desk: ResultsDesk) -> None:
    desk.decide(1, "Coat")
    done = subprocess.run(
        ["sh", "-c", '"$0" -m desk export >&-', sys.executable],
        cwd=CODE_ROOT, stderr=subprocess.PIPE, text=True, timeout=DEADLINE,
    )  # fmt: skip
    assert done.returncode == ExitCode.FAILED
    assert done.stderr == "error: the standard output cannot be written: it is closed\n"


def test_an_export_is_utf_8_though_the_console_has_other_letters(desk: ResultsDesk) -> None:
    desk.labels.add(picture(1), "label", "Coat", reviewer="衣", source="desk")
    done = subprocess.run(
        [sys.executable, "-m", "desk", "export"],
        cwd=CODE_ROOT, capture_output=True, timeout=DEADLINE, check=True,
        env={**os.environ, "PYTHONIOENCODING": "cp1252"},
    )  # fmt: skip
    assert "衣" in done.stdout.decode("utf-8")


def test_an_export_makes_no_folder(
    desk: ResultsDesk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(tmp_path / "none" / "a.csv")]) == ExitCode.USAGE
    assert "there is no folder" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def test_labels_of_a_table_become_reviews(
    desk: ResultsDesk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = table(tmp_path, "G1,1.png,coat", "G1,2.png,", "G1,3.png,cannot tell")
    assert main(["import", path, "--dry-run"]) == ExitCode.DONE
    assert "2 of 2 labels would become reviews" in capsys.readouterr().out
    assert desk.labels.latest_id() == 0
    assert main(["import", path, "--reviewer", "carla"]) == ExitCode.DONE
    assert [str(desk.standing(num)) for num in (1, 3)] == ["Coat", "cannot tell"]
    review = desk.labels.current(picture(1))
    assert review is not None
    assert (review.reviewer, review.source) == ("carla", "import")
    assert main(["import", path]) == ExitCode.DONE
    assert "0 of 2 labels became reviews, 2 stood already" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("empty", "told"),
    [
        (1, "line 3 has no label and changes nothing"),
        (3, "lines 3, 4, 5 have no label and change nothing"),
        (9, "lines 3, 4, 5, 6, 7 and 4 more have no label and change nothing"),
    ],
)
def test_rows_without_a_label_are_told(
    desk: ResultsDesk, tmp_path: Path, capsys: pytest.CaptureFixture[str], empty: int, told: str
) -> None:
    desk.decide(3, "Bag")
    path = table(tmp_path, "G1,1.png,Coat", *["G1,3.png, "] * empty)
    assert main(["import", path]) == ExitCode.DONE
    assert capsys.readouterr().out.splitlines() == [
        "1 of 1 labels became reviews, 0 stood already",
        told,
    ]
    assert str(desk.standing(3)) == "Bag"


def test_a_wrong_row_is_named_by_its_line_and_nothing_is_imported(
    desk: ResultsDesk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = ("G1,1.png,Coat", "G1,2.png,Hat", "G1,x.png,Coat", "G1,1.png,Bag")
    assert main(["import", table(tmp_path, *rows)]) != ExitCode.DONE
    told = capsys.readouterr().err
    assert "line 3: 'Hat' is none of the labels: Bag, Coat" in told
    assert "line 4: no run has scored G1/x.png" in told
    assert "line 5: the same image as on line 2" in told
    assert desk.labels.latest_id() == 0


def test_what_is_newer_is_left_as_it_is(
    desk: ResultsDesk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.decide(1, "Coat")
    path = table(tmp_path, "G1,1.png,Bag", "G1,2.png,Bag")
    assert main(["import", path]) == ExitCode.PARTIAL
    assert "line 2: anna has decided: Coat (id 1); it is left as it is" in capsys.readouterr().out
    assert [str(desk.standing(num)) for num in (1, 2)] == ["Coat", "Bag"]


def test_an_export_that_was_corrected_comes_back_unless_it_was_overtaken(
    desk: ResultsDesk, tmp_path: Path
) -> None:
    for num in (1, 2, 3):
        desk.decide(num, "Coat")
    out = tmp_path / "reviews.csv"
    main(["export", str(out)])
    desk.decide(2, "Bag")
    out.write_text(out.read_text("utf-8-sig").replace("Coat", "Shirt").replace(",", ";"))
    assert main(["import", str(out)]) == ExitCode.PARTIAL
    assert [str(desk.standing(num)) for num in (1, 2, 3)] == ["Shirt", "Bag", "Shirt"]


def test_a_results_file_that_was_written_beside_is_imported_as_it_is(
    desk: ResultsDesk, tmp_path: Path
) -> None:
    desk.type({1: "Coat"})
    assert main(["import", str(desk.path)]) == ExitCode.DONE
    assert str(desk.standing(1)) == "Coat"


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "batch,image\nG1,1.png\n", "\x00\x01"])
def test_what_is_no_such_table_is_refused(
    desk: ResultsDesk, tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.csv"
    path.write_text(text)
    assert main(["import", str(path)]) == ExitCode.USAGE
    assert "is no table with the columns batch, image" in capsys.readouterr().err


def test_files_that_are_not_there_are_named(
    desk: ResultsDesk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["import", str(tmp_path / "none.csv")]) == ExitCode.USAGE
    assert "none.csv cannot be read" in capsys.readouterr().err
    assert main(["export", str(tmp_path)]) == ExitCode.USAGE
    assert "is a folder; name a file in it" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["x" * 61, "an\u202ena", '"anna\nben"'])
def test_a_name_that_the_desk_would_not_take_is_an_error_of_its_line(
    desk: ResultsDesk, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    header = "batch,image,label,reviewer"
    labels = table(tmp_path, "G1,1.png,Coat,anna", f"G1,2.png,Coat,{name}", header=header)
    assert main(["import", labels]) == ExitCode.USAGE
    assert "visible characters" in capsys.readouterr().err
    assert desk.labels.latest_id() == 0
    unnamed = table(tmp_path, "G1,1.png,Coat")
    assert main(["import", unnamed, "--reviewer", ""]) == ExitCode.USAGE
