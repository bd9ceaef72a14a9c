from __future__ import annotations

import os

from hypothesis import example, given
from hypothesis import strategies as st

from scoring.records.text import FORMULA_STARTS, neutral_cell, printable


@given(st.binary(max_size=30), st.binary(max_size=30))
@example(b"caf\xe9", b"caf\\udce9")
@example(b"a\nb", b"a\\nb")
def test_printable_is_one_line_of_utf8_and_tells_names_apart(one: bytes, two: bytes) -> None:
    first, second = (printable(os.fsdecode(name)) for name in (one, two))
    first.encode("utf-8")
    assert len(first.splitlines()) <= 1
    assert (first == second) == (one == two)


@given(st.text())
def test_no_cell_starts_a_formula(text: str) -> None:
    assert not neutral_cell(text).startswith(FORMULA_STARTS)
    assert text in neutral_cell(text)
