"""Names that the API takes: of a model, of a batch. Never a path."""

from __future__ import annotations

import re

from scoring.protocol.errors import BadRequest

# No separator, no drive, no leading dot or dash.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_. -]{0,99}")
# Windows opens these as devices in every folder, with any suffix.
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)


def check_name(name: str) -> str:
    """Return a name that cannot reach out of the folder it is looked up in.

    Raises BadRequest for anything else: ``../G1``, an absolute path, a device like ``CON``.
    """
    harmless = _NAME.fullmatch(name) and ".." not in name and not name.endswith((".", " "))
    if not harmless or _DEVICES.fullmatch(name):
        raise BadRequest(
            "a name has letters, digits, '_', '-', '.' and spaces only, and is no path or device",
            code="bad_name",
        )
    return name
