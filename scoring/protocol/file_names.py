"""File names where the system's encoding is not UTF-8 (``LC_ALL=C``), as under a bare ``cron``.

Python reads their bytes beyond ASCII as surrogates there, from folders, the command line and the
environment, and cannot open a file by the letters that a settings file has. Names on disk and in
what is written are UTF-8: here they are put from one spelling into the other, and nowhere else.
"""

from __future__ import annotations

import os
import re

BYTES = re.compile("[\udc80-\udcff]+")


def as_text(name: str) -> str:
    """Return a file name in letters; bytes that are no UTF-8 stay the surrogates they are."""
    return BYTES.sub(_decoded, name)


def as_utf8(name: str) -> str:
    """Return a file name as text that can be stored; bytes that are no UTF-8 are spelt out."""
    return as_text(name).encode("utf-8", "backslashreplace").decode("utf-8")


def as_file_name(text: str) -> str:
    """Return a name, in letters or as the system gave it, so that a file can be opened by it."""
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        return os.fsdecode(text.encode("utf-8", "surrogateescape"))
    return text


def _decoded(match: re.Match[str]) -> str:
    return match[0].encode("ascii", "surrogateescape").decode("utf-8", "surrogateescape")
