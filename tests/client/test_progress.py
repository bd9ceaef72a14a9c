from __future__ import annotations

import re
import sys

import pytest

from client.progress import PlainProgress, TerminalProgress, progress_view


@pytest.mark.parametrize(
    ("is_terminal", "term", "view"),
    [
        (True, "xterm-256color", TerminalProgress),
        (True, "dumb", PlainProgress),
        (True, "UNKNOWN", PlainProgress),
        (False, "xterm-256color", PlainProgress),
    ],
)
def test_a_bar_moves_only_where_it_can(
    is_terminal: bool, term: str, view: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: is_terminal)
    monkeypatch.setenv("TERM", term)
    assert type(progress_view()) is view


def test_elsewhere_a_batch_is_a_line_at_its_start_and_one_at_its_end(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with PlainProgress() as view:
        for name, chunks in (("G1", [2, 2, 1]), ("G2", [1, 1])):
            view.start_batch(name, sum(chunks))
            for images in chunks:
                view.advance(images)
    assert capsys.readouterr().out.splitlines() == [
        "G1: 0 of 5 images",
        "G1: 5 of 5 images",
        "G2: 0 of 2 images",
        "G2: 2 of 2 images",
    ]


def test_a_long_batch_gives_signs_of_life(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("client.progress.LINE_EVERY_SECONDS", -1.0)
    view = PlainProgress()
    view.start_batch("G1", 3)
    view.advance(1)
    assert capsys.readouterr().out.splitlines()[-1] == "G1: 1 of 3 images"


def test_a_name_is_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    with TerminalProgress() as view:
        view.start_batch("[red]G1[/red]", 2)
        view.advance(2)
    assert "[red]G1[/red]" in capsys.readouterr().out


@pytest.mark.parametrize(
    "name", ["G1", "2026-11-26 coats of all shops " * 4, "外套" * 40], ids=["short", "long", "wide"]
)
@pytest.mark.parametrize("columns", [60, 80, 200])
def test_the_count_is_seen_however_narrow_the_terminal_and_long_the_name(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: int, name: str
) -> None:
    """A name took the bar and the count off a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", str(columns))
    with TerminalProgress() as view:
        view.start_batch(name, 1_000)
        view.advance(1_000)
    out = re.sub(r"\x1b\[[\d;]*m", "", capsys.readouterr().out)
    assert "1000/1000 images 0:00:00" in out
    assert name[:11] in out
