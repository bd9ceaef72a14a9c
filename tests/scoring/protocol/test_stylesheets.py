"""One palette for all pages: no stylesheet has colours of its own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scoring.protocol.stylesheets import PALETTE, read_stylesheet
from scoring.settings import CODE_ROOT

FOLDERS = ("desk", "server", "scoring")
STYLESHEETS = sorted(
    path for folder in FOLDERS for path in (CODE_ROOT / folder).rglob("*.css") if path != PALETTE
)
COLOUR = re.compile(r"#[0-9a-f]{3,8}\b|\b(?:rgba?|hsla?|light-dark)\(", re.IGNORECASE)
DEFINED = re.compile(r"(--[a-z-]+): (#[0-9a-f]{6});")
TEXT = ("--ink", "--soft", "--blue", "--amber", "--red", "--green")
GROUNDS = ("--paper", "--card")


def schemes() -> list[dict[str, str]]:
    light, dark = PALETTE.read_text(encoding="utf-8").split("@media screen")
    return [dict(DEFINED.findall(light)), dict(DEFINED.findall(dark))]


def luminance(colour: str) -> float:
    """WCAG 2.2, relative luminance."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts]
    return sum(part * one for part, one in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_the_pages_are_all_here() -> None:
    names = {"desk.css", "docs.css", "report.css", "upload.css"}
    assert {path.name for path in STYLESHEETS} == names


@pytest.mark.parametrize("path", STYLESHEETS, ids=lambda path: path.name)
def test_a_stylesheet_has_only_the_shared_colours(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert COLOUR.findall(text) == []
    for scheme in schemes():
        assert set(re.findall(r"var\((--[a-z-]+)", text)) <= set(scheme)
    assert read_stylesheet(path).startswith(PALETTE.read_bytes())
    assert read_stylesheet(path).endswith(path.read_bytes())


def test_both_schemes_have_the_same_colours_and_text_is_read_on_its_ground() -> None:
    light, dark = schemes()
    assert light.keys() == dark.keys()
    for scheme in (light, dark):
        for ground in GROUNDS:
            low = {name: contrast(scheme[name], scheme[ground]) for name in TEXT}
            assert min(low.values()) >= 4.5, low
        assert contrast(scheme["--amber"], scheme["--amber-paper"]) >= 4.5
        assert contrast(scheme["--on-blue"], scheme["--blue"]) >= 4.5
        assert contrast(scheme["--edge"], scheme["--paper"]) >= 3
