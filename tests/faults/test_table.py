"""docs/reliability.md and the tests hold each other: no row without a test, no test unnamed."""

from __future__ import annotations

import re

from scoring.settings import CODE_ROOT

# Rows 1 to 44, and those met since.
ROWS = 67


def test_the_table_names_every_row_and_every_test() -> None:
    table = (CODE_ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    named = re.findall(r"`(test_row_\d\d_\w+)`", table)
    sources = (CODE_ROOT / "tests" / "faults").glob("test_*.py")
    written = re.findall(
        r"^def (test_row_\d\d_\w+)", "".join(path.read_text("utf-8") for path in sources), re.M
    )
    assert sorted(named) == sorted(written)
    assert {int(name.split("_")[2]) for name in named} == set(range(1, ROWS + 1))
