"""In whose words a request is refused: its path says which dialect, or page, it is of."""

from __future__ import annotations

from server import dialects
from server.dialects.dialect import Manners
from server.pages.upload_page import MANNERS


def manners_at(path: str) -> Manners:
    """Return what refuses requests at a path."""
    # The first has every path of no other.
    every: tuple[Manners, ...] = (*dialects.DIALECTS, MANNERS)
    others = (one for one in every if any(_covers(place, path) for place in one.paths))
    return next(others, every[0])


def _covers(place: str, path: str) -> bool:
    return path.startswith(place) if place.endswith("/") else path == place
