"""Hosts and URLs that a connection can be made to; wrong ones are named before anybody tries."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

# urlsplit() drops some of these without a word; no host or path of ours has any.
_NEVER = re.compile(r"[\s\\\x00-\x1f\x7f]")
_EXAMPLE = "http://scores.example:5000"


def check_url(value: str) -> str:
    """Return a URL that a request can go to; raises ValueError with what to give instead."""
    try:
        parts = urlsplit(value)
        good = parts.scheme in ("http", "https") and parts.port != 0 and not _NEVER.search(value)
    except ValueError:  # a port that is none, an open bracket
        good = False
    if not good:
        raise ValueError(f"give a URL, like {_EXAMPLE}")
    if "@" in parts.netloc:
        raise ValueError("a URL with a name or password in it is not taken; use client.api_key")
    if parts.query or parts.fragment or value.endswith(("?", "#")):
        raise ValueError(f"give a URL without anything behind '?' or '#', like {_EXAMPLE}")
    check_host(_host(parts))
    return value


def _host(parts: SplitResult) -> str:
    if not parts.hostname:
        raise ValueError(f"give a URL with a host, like {_EXAMPLE}")
    return parts.hostname


def check_host(value: str) -> str:
    """Return a host name or address that can be looked up; raises ValueError for any other."""
    try:
        # What the socket module does with a name before it looks it up.
        value.encode("idna")
        good = not re.search(r"[/?#@\[\]]", value) and not _NEVER.search(value)
    except UnicodeError:  # an empty or too long part, or signs that no name has
        good = False
    if not good:
        raise ValueError("give the name or address of a host, like 127.0.0.1")
    return value
