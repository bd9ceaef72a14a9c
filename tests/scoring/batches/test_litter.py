from __future__ import annotations

import pytest

from scoring.batches.litter import HIDDEN, Litter


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("Thumbs.db", "Thumbs.db*"),
        ("THUMBS.DB:encryptable", "Thumbs.db*"),
        ("my thumbs.db", None),
        ("a.part", "*.part"),
        ("a.part.jpg", None),
        ("$RECYCLE.BIN", "$recycle.bin"),
        ("._img.png", "._*"),
        (".DS_Store", HIDDEN),
        ("img.png", None),
        ("a\n.part", "*.part"),
    ],
)
def test_a_whole_name_is_litter_by_the_first_pattern_that_fits(
    name: str, pattern: str | None
) -> None:
    litter = Litter(["Thumbs.db*", "*.part", "$recycle.bin", "._*", ".*never*"])
    assert litter.pattern_of(name) == pattern


def test_without_patterns_only_what_is_hidden_is_litter() -> None:
    litter = Litter([])
    assert [litter.pattern_of(name) for name in ("Thumbs.db", ".git", "")] == [None, HIDDEN, None]
