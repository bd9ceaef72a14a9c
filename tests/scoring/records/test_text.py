from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from client import command_line
from scoring.protocol.commands import python_of
from scoring.records.text import (
    is_formula,
    is_rewritten,
    neutral_cell,
    on_a_page,
    printable,
    read_cell,
    read_printable,
    scoring_command,
    text_cell,
)
from tests.deadlines import work_of_at_most


@given(st.binary(max_size=30), st.binary(max_size=30))
@example(b"caf\xe9", b"caf\\udce9")
@example(b"a\nb", b"a\\nb")
def test_printable_is_one_line_of_utf8_and_tells_names_apart(one: bytes, two: bytes) -> None:
    first, second = (printable(os.fsdecode(name)) for name in (one, two))
    first.encode("utf-8")
    assert len(first.splitlines()) <= 1
    assert (first == second) == (one == two)


@given(st.text(), st.text())
@example("'=1", "=1")
@example("'007", "007")
@example("'", "''")
def test_a_cell_is_harmless_and_its_text_can_be_read_back(one: str, other: str) -> None:
    cell = neutral_cell(one)
    assert not is_formula(cell)
    assert not is_rewritten(cell)
    assert read_cell(cell) == one
    assert (cell == neutral_cell(other)) == (one == other)


@pytest.mark.parametrize("sign", [*"=+-@\t\r", "\uff1d", "\uff0b", "\ufe63", "\u2212"])
@pytest.mark.parametrize(
    "before", ["", " ", "\u3000", "\xa0", "\ufeff", "\u200b", "\u2060 ", "\x00"]
)
def test_a_formula_is_one_behind_blanks_and_the_unseen_too(before: str, sign: str) -> None:
    text = f"{before}{sign}HYPERLINK(1)"
    assert neutral_cell(text) == f"'{text}"
    assert not is_formula(text_cell(text))


@pytest.mark.parametrize(
    "name",
    [
        *("007", "0012", "00", "1-2", "3/4", "1.5", "1,5", "1E5", "2e-3", "12e3", "1_000", "50%"),
        *("$5", "5 €", "(5)", ".5", "5.", "123456789012", "1234567890123456789", "1 2", " 007"),
        *("\uff10\uff10\uff17", "10:30", "10:30 PM", "3 p", "10am", "2026-11-21", "21.11.2026"),
        *("MARCH1", "SEPT2", "Dec-12", "5 Mai 2026", "1-oct", "Jan 2026", "12-gen", "ago 3"),
        *("TRUE", "true", "False", "WAHR", "faux", "2026年1月2日", "3月", "½"),
    ],
)
def test_a_name_that_a_spreadsheet_rewrites_is_kept_as_text(name: str) -> None:
    assert neutral_cell(name) == f"'{name}"
    assert read_cell(neutral_cell(name)) == name


@pytest.mark.parametrize(
    "name",
    [
        *("G1", "item-001.png", "IMG_1234.JPG", "2026", "0", "7", "12345678901", "T-shirt/Top"),
        *("Ankle boot", "low confidence; not a garment?", "衣服", "returns 12", "e5", "Q1-2026"),
        *("2026-11-21 G1", "0012.png", "1e5.jpg", "MARCH1.png", "true story", "5 items"),
    ],
)
def test_a_name_that_is_shown_as_it_stands_stays_as_it_is(name: str) -> None:
    assert neutral_cell(name) == name


def test_the_longest_names_take_no_time() -> None:
    with work_of_at_most(5):
        for name in (
            "1" * 4000 + "x",
            "1-" * 2000 + "e",
            "a1" * 2000,
            "=" * 4000,
            " " * 4000,
            "e" * 4000,
        ):
            neutral_cell(name)


NAMES = (
    *(
        "G7",
        "2026-11 returns",
        "it's a $HOME",
        "$(touch ran)",
        "`touch ran`",
        'quo"te',
        "a;touch ran",
    ),
    *("-dash", "--model", "--", "back\\slash", "Ünï cödé", "#1", "*", "~", "a&b", "!!", ""),
)


@pytest.mark.skipif(sys.platform == "win32", reason="asks a POSIX shell")
@pytest.mark.parametrize("name", NAMES)
def test_a_shell_takes_a_command_with_any_name_as_it_was_meant(name: str, tmp_path: Path) -> None:
    flags = ("--model", "clothing", "--server", "http://127.0.0.1:5000")
    command = scoring_command(name, *flags)
    # The shell itself says what it made of the words.
    shown = ["sh", "-c", f"printf '%s\\0' {command}"]
    said = subprocess.run(shown, cwd=tmp_path, capture_output=True, check=True).stdout
    words = said.decode().split("\0")[:-1]
    assert words[:3] == [python_of(sys.executable), "-m", "client.request"]
    assert list(tmp_path.iterdir()) == []
    options = command_line.parse_arguments(words[3:])
    assert (options.batches, options.model, options.server) == ([name], flags[1], [flags[3]])


@given(name=st.binary(max_size=12))
def test_a_printable_name_is_read_back_as_the_name_it_was(name: bytes) -> None:
    text = os.fsdecode(name)
    assert os.fsencode(read_printable(printable(text))) == name


@given(text=st.text(st.sampled_from("\\nx41u\n\t\x1b\u2028ü\u202eU\U000e0001"), max_size=12))
def test_whatever_stands_behind_a_backslash(text: str) -> None:
    assert read_printable(printable(text)) == text


@pytest.mark.parametrize(
    "name", ["\U0001f468\u200d\U0001f467.jpg", "क्\u200dष.jpg", "❤️\u200d\U0001f525"]
)
def test_a_page_joins_what_its_script_joins(name: str) -> None:
    assert on_a_page(name) == on_a_page(printable(name)) == name


@pytest.mark.parametrize("name", ["a\u200db.jpg", "क्\u200d", "a\u202egnp.exe", "क\u2066ष"])
def test_a_page_shows_what_is_unseen_elsewhere(name: str) -> None:
    assert on_a_page(name) == printable(name) != name


def test_a_page_takes_no_backslash_of_a_name_for_a_joiner() -> None:
    assert on_a_page(printable("क\\u200cष")) == "क\\\\u200cष"
