"""How a request begins, and what begins none: whoever sent that waits as long as the server."""

from __future__ import annotations

import re

# How a TLS handshake begins (RFC 8446, 5.1): what comes where a caller was given https://.
HANDSHAKE = b"\x16"
BARE_LF = re.compile(rb"(?<!\r)\n")


def why_no_head(begun: bytes) -> str:
    """Say why no request begins so, or "" where one may: the rest of its headers is to come.

    Args:
        begun: what has come, without the blank lines that may stand before a request.
    """
    if begun.startswith(HANDSHAKE):
        return "This port speaks HTTP, not TLS; call it by http://"
    if BARE_LF.search(begun):
        return "A line ends with LF alone; end each with CR LF"
    return ""
