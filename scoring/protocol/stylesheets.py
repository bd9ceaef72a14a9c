"""Stylesheets of pages, each after the colours that all of them share (``palette.css``)."""

from __future__ import annotations

from functools import cache
from pathlib import Path

PALETTE = Path(__file__).with_name("palette.css")


@cache
def read_stylesheet(path: Path) -> bytes:
    """Return a stylesheet as it is served: the shared colours, then its own rules."""
    return PALETTE.read_bytes() + b"\n" + path.read_bytes()
