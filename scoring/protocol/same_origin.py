"""Was a request sent by a page of this very site? Asked before anything is written.

Browsers say so in ``Sec-Fetch-Site`` (Fetch Metadata), but over plain HTTP only to this machine; in
a house's network ``Origin`` is what there is. No page can set either.
"""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

from scoring.protocol.identity import Headers

Sender = Literal["own", "foreign", "unknown"]

OWN = frozenset({"same-origin", "none"})
DEFAULT_PORTS = {"http": 80, "https": 443}


def sender(headers: Headers, scheme: str) -> Sender:
    """Tell who sent a request: a page of this site or the person, another site, or no browser.

    ``scheme`` is what the request came by, ``http`` or ``https``: it has the port that ``Host``
    leaves out.
    """
    site = headers.get("Sec-Fetch-Site", "")
    if site:
        return "own" if site in OWN else "foreign"
    origin = headers.get("Origin", "")
    if not origin:
        return "unknown"
    here = _place(f"{scheme}://{headers.get('Host', '')}")
    return "own" if here is not None and _place(origin) == here else "foreign"


def _place(url: str) -> tuple[str, str, int | None] | None:
    """Return scheme, name and port; None for what names none, like ``null``."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if not parts.hostname:
        return None
    return parts.scheme, parts.hostname, port or DEFAULT_PORTS.get(parts.scheme)
