"""What people type into Results.csv is a review before the file is written anew, or is kept."""

from __future__ import annotations

import os
from codecs import BOM_UTF8, BOM_UTF16_BE
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest
from msgspec.structs import replace

from scoring.records import corrections, shown_file
from scoring.records.answers import Answer
from scoring.records.labels import Labels, PictureKey, Step
from scoring.records.ledger import ChunkCost, Run, ScoredImage
from scoring.records.results_csv import COLUMNS
from scoring.records.spreadsheet import Table, read_table
from scoring.settings import Settings
from tests.scoring.records.results_desk import ResultsDesk, Row, as_saved
from tests.scoring.records.scored import NOW, picture

COAT, SHIRT, BAG = (Answer("label", label) for label in ("Coat", "Shirt", "Bag"))


@pytest.fixture
def desk(settings: Settings) -> Iterator[ResultsDesk]:
    desk = ResultsDesk(settings)
    yield desk
    desk.ledger.close()


@pytest.fixture
def big(settings: Settings) -> Iterator[ResultsDesk]:
    desk = ResultsDesk(settings, 6)
    yield desk
    desk.ledger.close()


def test_a_label_that_was_typed_is_a_review_and_stays_in_the_file(desk: ResultsDesk) -> None:
    desk.type({1: "Coat", 2: " ankle BOOT ", 3: "Not a garment"})
    desk.run("r2")
    assert desk.shown() == ["Coat", "Ankle boot", "not a garment", ""]
    review = desk.labels.current(picture(1))
    assert review is not None
    assert (review.reviewer, review.source, review.said.predicted) == (
        "Results.csv", "Results.csv", "Bag",
    )  # fmt: skip
    assert desk.labels.latest_id() == 3
    assert "typed-reviews" in desk.told()
    desk.run("r3")
    assert desk.labels.latest_id() == 3, "what is unchanged is no review"


def test_what_is_no_answer_is_kept_beside_once(desk: ResultsDesk) -> None:
    desk.type({1: "Hut", 2: "=cmd()", 3: "Coat"})
    desk.run("r2")
    assert desk.shown() == ["", "", "Coat", ""]
    assert desk.kept() == [["1.png", "Hut"], ["2.png", "'=cmd()"]]
    assert "typed-kept" in desk.told()
    assert "'Hut'" in desk.told()
    desk.run("r3")
    assert len(desk.kept()) == 2
    desk.type({1: "Hut"})
    desk.run("r4")
    assert [text for _, text in desk.kept()] == ["Hut", "'=cmd()", "Hut"], "typed once more"


def test_a_file_is_looked_through_once(desk: ResultsDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[bytes] = []

    def counted(data: bytes, columns: Sequence[str]) -> Table | None:
        looked.append(data)
        return read_table(data, columns)

    monkeypatch.setattr(corrections, "read_table", counted)
    desk.save(desk.rows(), partial(as_saved, separator=";"))
    assert [desk.export() for _ in range(3)] == [False] * 3, "nothing was typed"
    assert len(looked) == 1


def test_a_cell_that_was_emptied_takes_back_what_it_showed(desk: ResultsDesk) -> None:
    desk.decide(1, "Coat")
    desk.type({2: "Shirt"})
    desk.run("r2")
    desk.type({1: "", 2: ""})
    desk.run("r3")
    assert desk.shown() == ["", "", "", ""]
    assert [review.verdict for review in desk.labels.history(picture(1))] == ["label", "undone"]
    assert desk.labels.history(picture(2))[-1].reviewer == "Results.csv"


def test_a_file_without_the_column_says_nothing(desk: ResultsDesk) -> None:
    desk.decide(1, "Coat")
    desk.run("r2")
    desk.save(desk.rows(), partial(as_saved, columns=COLUMNS[:9]))
    desk.run("r3")
    assert desk.shown()[0] == "Coat"
    assert desk.labels.latest_id() == 1


FORMS: dict[str, Callable[[list[Row]], bytes]] = {
    "excel of another country": partial(as_saved, separator=";", encoding="cp1252"),
    "excel's unicode text": partial(as_saved, separator="\t", encoding="utf-16"),
    "sorted": lambda rows: as_saved(rows[::-1]),
    "rows deleted": lambda rows: as_saved(rows[:2]),
    "columns in another order": partial(as_saved, columns=COLUMNS[::-1]),
    "only what is needed": partial(as_saved, columns=("Corrected item", "Image", "Batch")),
    "without the batch": partial(as_saved, columns=("Image", "Corrected item")),
    "without the image": partial(as_saved, columns=("Corrected item", "Num", "Batch")),
    "empty columns after": lambda rows: as_saved(rows).replace(b"\r\n", b",,,\r\n"),
    "decimals of another country": lambda rows: as_saved(
        [{**row, "Confidence %": row["Confidence %"].replace(".", ",")} for row in rows], ";"
    ),
    "no end of the last line": lambda rows: as_saved(rows).rstrip(),
    "blank lines": lambda rows: as_saved(rows).replace(b"\r\n", b"\r\n\r\n"),
    "with a byte order mark": lambda rows: BOM_UTF8 + as_saved(rows),
    "every cell quoted": lambda rows: b"".join(
        b'"' + b'","'.join(line.split(b",")) + b'"\r\n' for line in as_saved(rows).splitlines()
    ),
    "lines of Unix": lambda rows: as_saved(rows).replace(b"\r\n", b"\n"),
    "lines of an old Mac": lambda rows: as_saved(rows).replace(b"\r\n", b"\r"),
    "wide letters, the other way round": lambda rows: (
        BOM_UTF16_BE + as_saved(rows).decode().encode("utf-16-be")
    ),
    "rows of nothing below": lambda rows: as_saved(rows) + 500 * (b"," * 9 + b"\r\n"),
    "a heading typed anew": lambda rows: as_saved(rows).replace(
        b"Corrected item", b" corrected  ITEM "
    ),
    "numbers with a dot": lambda rows: as_saved(
        [{**row, "Num": f"{row['Num']}.0"} for row in rows]
    ),
    "separator and quotes of LibreOffice": lambda rows: b"sep=;\r\n" + as_saved(rows, ";"),
    "a title": lambda rows: b"Returns;;;\r\n\r\n" + as_saved(rows, ";"),
}


@pytest.mark.parametrize("form", FORMS)
def test_however_the_file_comes_back(desk: ResultsDesk, form: str) -> None:
    desk.type({1: "coat", 2: "Hut"}, FORMS[form])
    desk.run("r2")
    assert desk.shown() == ["Coat", "", "", ""]
    assert [text for _, text in desk.kept()] == ["Hut"]


@pytest.mark.parametrize("encoding", ["cp1252", "cp850", "mac-roman", "ascii", "cp932", "utf-16"])
def test_names_that_lost_letters_are_known_by_the_rest_and_their_number(
    desk: ResultsDesk, encoding: str
) -> None:
    names = ["größe 衣.png", "grobe.png", "衣服.png"]
    run = scored_names(desk, "r2", names)
    desk.publish(run)
    desk.type({1: "Coat", 3: "Shirt"}, partial(as_saved, encoding=encoding))
    desk.run("r3")
    assert [desk.standing(PictureKey("Ü", name, name)) for name in names] == [COAT, None, SHIRT]


def scored_names(desk: ResultsDesk, run_id: str, names: list[str]) -> Run:
    """Let a night score pictures of other names, in a batch of their own."""
    first = desk.ledger.run("r1")
    assert first is not None
    run = replace(first, id=run_id, batches=("Ü",), kind="nightly", due_date=NOW.date())
    desk.ledger.start_run(run)
    desk.ledger.touch_batch(run_id, "Ü", 0, names)
    images = [ScoredImage(num, name, name, "Bag", 0.9) for num, name in enumerate(names, 1)]
    desk.ledger.commit_chunk(run_id, "Ü", "v1", images, ChunkCost(), NOW)
    return run


# What the desk decided meanwhile


def test_a_decision_of_the_desk_since_is_newer_and_stays(desk: ResultsDesk) -> None:
    desk.type({1: "Coat"})
    desk.decide(1, "Shirt")
    desk.run("r2")
    assert desk.shown()[0] == "Shirt"
    assert desk.kept() == [["1.png", "Coat"]]
    (line,) = desk.path.with_name("Results-typed.csv").read_text("utf-8-sig").splitlines()[1:]
    assert "anna has decided meanwhile: Shirt" in line


def test_the_same_said_in_both_places_is_said_once(desk: ResultsDesk) -> None:
    desk.type({1: "coat"})
    desk.decide(1, "Coat")
    desk.run("r2")
    assert desk.labels.latest_id() == 1
    assert desk.kept() == []


def test_a_label_of_the_desk_may_be_corrected_in_the_file(desk: ResultsDesk) -> None:
    first = desk.decide(1, "Coat")
    desk.run("r2")
    desk.type({1: "Shirt"})
    desk.run("r3")
    review = desk.labels.current(picture(1))
    assert review is not None
    assert (review.answer, review.replaces) == (SHIRT, first.id)


def test_an_older_file_saved_over_a_newer_one_takes_nothing_back(big: ResultsDesk) -> None:
    """It was open in LibreOffice while the desk decided and the file was written anew."""
    older = big.rows()
    for num, label in ((1, "Coat"), (3, "Shirt"), (5, "Bag")):
        big.decide(num, label)
    assert big.export()
    older[1]["Corrected item"] = "Bag"
    big.save(older)
    assert big.export(), "what it lacks is brought back"
    assert big.shown() == ["Coat", "Bag", "Shirt", "", "Bag", ""]
    older[3]["Corrected item"] = "7"
    big.save(older)
    big.run("r2")
    assert big.shown() == ["Coat", "Bag", "Shirt", "7", "Bag", ""]
    big.save(older)
    big.export()
    assert big.shown() == ["Coat", "Bag", "Shirt", "7", "Bag", ""]


def test_an_older_file_of_another_night_takes_nothing_back(desk: ResultsDesk) -> None:
    older = desk.rows()
    desk.decide(1, "Coat")
    desk.publish(scored_names(desk, "r2", ["x.png"]))
    older[1]["Corrected item"] = "Shirt"
    desk.save(older)
    desk.export()
    assert (desk.standing(1), desk.standing(2)) == (COAT, SHIRT)
    assert [row["Image"] for row in desk.rows()] == ["x.png"]


def test_one_cell_that_goes_back_is_meant(desk: ResultsDesk) -> None:
    desk.decide(1, "Coat")
    desk.decide(1, "Shirt")
    desk.run("r2")
    desk.type({1: "Coat"})
    desk.run("r3")
    assert desk.standing(1) == COAT


def test_some_of_many_that_were_emptied_are_meant(big: ResultsDesk) -> None:
    for num in (1, 2, 3, 4):
        big.decide(num, "Coat")
    big.run("r2")
    big.type({1: "", 2: "", 3: "", 5: "Bag"})
    big.run("r3")
    assert big.shown() == ["", "", "", "Coat", "Bag", ""]


def test_what_was_typed_last_counts_where_the_file_could_not_be_written_between(
    desk: ResultsDesk,
) -> None:
    desk.type({1: "Coat"})
    assert not desk.export(), "the file shows it already, and is left alone"
    assert desk.standing(1) == COAT
    desk.type({1: "Shirt"})
    assert not desk.export()
    assert desk.standing(1) == SHIRT
    desk.type({1: ""})
    assert not desk.export()
    assert desk.standing(1) is None
    assert desk.labels.latest_id() == 3


def test_what_the_desk_takes_back_does_not_come_back_from_the_file(desk: ResultsDesk) -> None:
    desk.type({1: "Coat"})
    desk.export()
    review = desk.labels.current(picture(1))
    assert review is not None
    desk.labels.undo(review.id, "anna")
    assert desk.export()
    assert desk.shown()[0] == ""
    assert desk.standing(1) is None


# What the row is about


def test_a_picture_that_changed_since_is_not_judged_by_its_row(desk: ResultsDesk) -> None:
    desk.type({1: "Coat"})
    desk.run("r2", content="b")
    assert desk.standing(picture(1)) == COAT, "the picture that the row was about"
    assert desk.standing(picture(1, content="b")) is None
    assert desk.shown()[0] == ""


def test_a_row_of_a_batch_that_is_shown_no_more_still_counts(desk: ResultsDesk) -> None:
    older = desk.rows()
    older[0]["Corrected item"] = "Coat"
    desk.publish(scored_names(desk, "r2", ["x.png"]))
    assert "G1" not in desk.path.read_text("utf-8")
    desk.save(older)
    desk.export()
    assert desk.standing(1) == COAT


def test_a_row_of_a_batch_that_is_shown_no_more_may_mean_several_pictures(
    desk: ResultsDesk,
) -> None:
    older = desk.rows()
    older[0]["Corrected item"] = "Coat"
    desk.run("r2", content="b")
    desk.publish(scored_names(desk, "r3", ["x.png"]))
    assert "G1" not in desk.path.read_text("utf-8")
    desk.save(older)
    desk.export()
    assert desk.kept() == [["1.png", "Coat"]]
    assert desk.labels.latest_id() == 0


def test_rows_that_nobody_scored_or_that_disagree_are_kept(desk: ResultsDesk) -> None:
    rows = desk.rows()
    rows.append({**rows[0], "Image": "new.png", "Num": "9", "Corrected item": "Coat"})
    rows.append({**rows[0], "Batch": "G9", "Corrected item": "Coat"})
    rows.append({**rows[1], "Corrected item": "Coat"})
    rows[1]["Corrected item"] = "Shirt"
    desk.save(rows)
    desk.run("r2")
    assert sorted(desk.kept()) == [
        ["1.png", "Coat"], ["2.png", "Coat"], ["2.png", "Shirt"], ["new.png", "Coat"]
    ]  # fmt: skip
    assert desk.labels.latest_id() == 0


def test_what_is_kept_says_what_may_be_typed_or_what_its_row_lacks(desk: ResultsDesk) -> None:
    desk.run("r2", batch="G2")
    rows = desk.rows()
    rows[0]["Corrected item"] = "Hut"
    rows[1] |= {"Batch": "", "Corrected item": "Coat"}
    desk.save(rows)
    desk.run("r3")
    beside = desk.path.with_name("Results-typed.csv").read_text("utf-8-sig")
    assert "none of the answers: Bag, Coat, Shirt, Ankle boot, 7, not a garment, cannot tell" in (
        beside
    )
    assert "does not say which image it is of" in beside


def test_what_the_desk_decides_in_that_instant_is_not_told_to_be_of_the_file(
    desk: ResultsDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = Labels.steps

    def overtaken(labels: Labels) -> dict[PictureKey, list[Step]]:
        found = steps(labels)
        desk.decide(1, "Shirt")
        return found

    desk.type({1: "Coat", 2: "Coat"})
    monkeypatch.setattr(Labels, "steps", overtaken)
    desk.run("r2")
    assert "1 answer typed" in desk.told()
    assert desk.kept() == [["1.png", "Coat"]]


def test_a_row_that_stands_twice_and_says_one_thing_says_it(desk: ResultsDesk) -> None:
    rows = desk.rows()
    rows.append({**rows[0], "Corrected item": "Coat"})
    desk.save(rows)
    desk.run("r2")
    assert desk.standing(1) == COAT


# What the file may be


@pytest.mark.parametrize(
    "data",
    [b"PK\x03\x04 not a table", b"\xff" * 99, b"Dear all,\nsee below\n", b"Num,Item\n1,Bag\n"],
)
def test_a_file_that_is_no_table_is_kept_as_it_is(desk: ResultsDesk, data: bytes) -> None:
    desk.path.write_bytes(data)
    desk.run("r2")
    (aside,) = desk.path.parent.glob("Results-unread-*.csv")
    assert aside.read_bytes() == data
    assert aside.name in desk.told()
    assert len(desk.rows()) == 4


def test_an_empty_or_missing_file_says_nothing(desk: ResultsDesk) -> None:
    desk.decide(1, "Coat")
    desk.path.write_bytes(b"")
    assert desk.export()
    desk.path.unlink()
    desk.decide(2, "Coat")
    assert desk.export()
    assert desk.shown() == ["Coat", "Coat", "", ""]


def test_a_file_that_is_just_being_saved_is_waited_for(desk: ResultsDesk) -> None:
    rows = desk.rows()
    rows[3]["Corrected item"] = "Coat"
    whole = as_saved(rows)
    parts = [whole[:100], whole[:180], whole]
    desk.path.write_bytes(parts.pop(0))
    desk.on_pause = lambda: parts and desk.path.write_bytes(parts.pop(0))  # type: ignore[assignment]
    desk.run("r2")
    assert desk.standing(4) == COAT
    assert len(desk.pauses) == 3


def test_what_is_saved_while_the_file_is_written_anew_is_taken_too(
    desk: ResultsDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through the last moment: somebody saves when the new file is whole, and not in place."""
    rows, digest_of = desk.rows(), shown_file.digest_of
    texts = ["Coat", "Shirt"]

    def saved_now(part: Path) -> str:
        if texts:
            rows[len(texts)]["Corrected item"] = texts.pop()
            desk.save(rows)
        return digest_of(part)

    monkeypatch.setattr(shown_file, "digest_of", saved_now)
    desk.run("r2")
    assert desk.shown() == ["Coat", "Shirt", "", ""]
    assert desk.labels.latest_id() == 2


# Kills


class Killed(BaseException):
    pass


@pytest.mark.parametrize("when", ["before the file beside", "before its note", "before the results",
                                  "after the results"])  # fmt: skip
def test_a_kill_loses_and_doubles_nothing(
    desk: ResultsDesk, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    desk.decide(3, "Coat")
    desk.run("r2")
    desk.type({1: "Coat", 2: "Hut", 3: ""})
    os_replace = os.replace

    def killed(source: Path, target: Path) -> None:
        name = Path(target).name
        if (when, name) in {("before the file beside", "Results-typed.csv"),
                            ("before the results", "Results.csv")}:  # fmt: skip
            raise Killed
        os_replace(source, target)
        if (when, name) in {("before its note", "Results-typed.csv"),
                            ("after the results", "Results.csv")}:  # fmt: skip
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", killed)
        with pytest.raises(Killed):
            desk.run("r3")
    desk.run("r4")
    assert desk.shown() == ["Coat", "", "", ""]
    assert desk.kept() == [["2.png", "Hut"]]
    assert [len(desk.labels.history(picture(num))) for num in (1, 2, 3)] == [1, 0, 2]


def test_what_cannot_be_filed_now_is_filed_later(
    desk: ResultsDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    os_replace = os.replace

    def held(source: Path, target: Path) -> None:
        if Path(target).name == "Results-typed.csv":
            raise PermissionError(13, "used by another process")
        os_replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", held)
        desk.type({1: "Hut"})
        desk.run("r2")
        assert desk.kept() == []
        assert desk.shown()[0] == "", "the night does not wait for it"
    desk.run("r3")
    assert desk.kept() == [["1.png", "Hut"]]


def test_the_file_beside_is_added_to_whatever_saved_it(desk: ResultsDesk) -> None:
    beside = desk.path.with_name("Results-typed.csv")
    desk.type({1: "Hut"})
    desk.run("r2")
    beside.write_bytes(beside.read_text("utf-8-sig").replace(",", ";").encode("utf-16"))
    desk.type({2: "Mütze"})
    desk.run("r3")
    assert desk.kept() == [["1.png", "Hut"], ["2.png", "Mütze"]]
    beside.write_bytes(b"\x00\x01 no table")
    desk.type({2: "Schal"})
    desk.run("r4")
    assert desk.kept() == [["2.png", "Schal"]]
    assert len([*desk.path.parent.glob("Results-typed-unread-*.csv")]) == 1


# Files of their own


def test_what_was_typed_into_a_file_of_its_own_is_taken_before_it_is_written_anew(
    desk: ResultsDesk, tmp_path: Path
) -> None:
    out = tmp_path / "mine.csv"
    run = desk.ledger.run("r1")
    assert run is not None
    desk.decide(2, "Shirt")
    desk.publish(run, out)
    desk.decide(2, "Coat")
    text = out.read_text("utf-8-sig")
    assert text.splitlines()[2].endswith(",Shirt")
    lines = text.splitlines()
    lines[1] += "Coat"
    lines[3] += "Hut"
    out.write_text("\n".join(lines) + "\n", "utf-8-sig")
    desk.publish(run, out)
    assert [line.rsplit(",", 1)[1] for line in out.read_text("utf-8-sig").splitlines()[1:]] == [
        "Coat", "Coat", "", ""
    ]  # fmt: skip
    assert (tmp_path / "mine-typed.csv").exists()
    assert desk.labels.latest_id() == 3


def test_the_first_file_after_an_upgrade_may_have_had_a_column_of_that_name(
    desk: ResultsDesk,
) -> None:
    with desk.ledger.database.transaction() as connection:
        connection.execute("DELETE FROM facts")
    desk.type({1: "Coat", 2: "?"})
    desk.run("r2")
    assert desk.shown() == ["Coat", "", "", ""]
    assert desk.kept() == [["2.png", "?"]]
