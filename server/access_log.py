"""A line for each request, for whoever looks on."""

from __future__ import annotations

import logging

access_log = logging.getLogger("scoring.server.access")

PATH_CHARACTERS = 200


def log_request(
    address: str, method: str, path: str, status: int, rows: int | None = None, seconds: float = 0.0
) -> None:
    """Say who asked for what, and how it went; a path is written so that it stays on its line."""
    access_log.info(
        "%s %s %s %d%s %.0f ms",
        ascii(address)[1:-1] or "-",
        method or "-",
        ascii(path[:PATH_CHARACTERS])[1:-1] or "-",
        status,
        "" if rows is None else f" {rows} rows",
        seconds * 1000,
    )
