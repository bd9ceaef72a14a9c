"""Names that are taken: of a model, of a batch, never a path; and of a person."""

from __future__ import annotations

import re

from scoring.protocol.errors import BadRequest

# No separator, no drive, no leading dot or dash.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_. -]{0,99}")
# Windows opens these as devices in every folder, with any suffix.
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)

LONGEST_PERSON = 60


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


def check_person(given: str) -> str:
    """Return a name without blanks around it; raises BadRequest for what is none.

    What is not seen (control characters, marks that turn the direction of writing) would let one
    pass for another.
    """
    name = given.strip(" ")
    if not name or len(name) > LONGEST_PERSON or not name.isprintable():
        raise BadRequest(
            f"give a name of at most {LONGEST_PERSON} visible characters", code="bad_name"
        )
    return name
