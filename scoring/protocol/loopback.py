"""Is an address this machine's own? Then no proxy, no key and no compression is called for."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit


def is_loopback(host: str) -> bool:
    """Tell whether a host name or address, IPv6 with or without brackets, is this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def is_loopback_name(host: str) -> bool:
    """Tell whether a Host header, with a port or without, names this machine."""
    try:
        return is_loopback(urlsplit(f"//{host}").hostname or "")
    except ValueError:
        return False


def is_loopback_url(url: str) -> bool:
    """Tell whether a URL points to this machine."""
    return is_loopback(urlsplit(url).hostname or "")
