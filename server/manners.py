"""In whose words a request is refused: its path says which dialect, or page, it is of."""

from __future__ import annotations

from server.dialects import DIALECTS
from server.dialects.dialect import Manners
from server.pages.upload_page import MANNERS

# The first has every path of no other.
ALL: tuple[Manners, ...] = (*DIALECTS, MANNERS)


def manners_at(path: str) -> Manners:
    """Return what refuses requests at a path."""
    others = (one for one in ALL if any(_covers(place, path) for place in one.paths))
    return next(others, ALL[0])


def _covers(place: str, path: str) -> bool:
    return path.startswith(place) if place.endswith("/") else path == place
