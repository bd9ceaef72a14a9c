"""The one folder whose pictures may be asked for by name: ``server.images``."""

from __future__ import annotations

import os
import re
from pathlib import Path

from scoring.protocol.errors import BadRequest, NotFound, TooLarge
from scoring.records.regular_file import open_regular, read_to_end

LONGEST_NAME_BYTES = 255
# What no name may be, on any system, and how that is said.
RULES = {
    re.compile(r"[/\\]"): "it has a slash or backslash, and no folder is entered here",
    re.compile(r"[:\0]"): "it has a colon or a zero byte",
    re.compile(r"^\."): "it begins with a dot, and hidden files are not served",
    re.compile(r"[. ]$"): "it ends with a dot or a space, which Windows leaves out",
    # Windows opens them as devices, whatever their suffix.
    re.compile(r"^(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE): "Windows has a device of"
    " that name",
}


class ImageFolder:
    """Reads pictures by their names, which are never paths; ``folder`` is None where it is off."""

    def __init__(self, folder: Path | None, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes

    def read(self, name: str) -> bytes:
        """Return a picture's bytes.

        Raises NotFound where the folder is off or no file of it has this name, BadRequest for what
        is no name, TooLarge over ``max_bytes``. Links are not followed.
        """
        if self._folder is None:
            raise NotFound(
                "no pictures are served by name here: name their folder in the setting"
                " server.images, or send the picture itself with POST /predict",
                code="no_images",
            )
        if not name:
            raise BadRequest("name a picture of the server's folder: ?imageName=shirt.png")
        _check_name(name)
        try:
            return self._content(self._folder / name)
        except (OSError, ValueError):
            raise NotFound(
                "no picture of that name in the server's folder", code="unknown_image"
            ) from None

    def _content(self, path: Path) -> bytes:
        handle, status = open_regular(path)
        try:
            data = read_to_end(handle, status.st_size, self._max_bytes)
        finally:
            os.close(handle)
        if len(data) > self._max_bytes:
            raise TooLarge(
                f"the picture has more than {self._max_bytes} bytes", limit=self._max_bytes
            )
        return data


def _check_name(name: str) -> None:
    broken = [said for rule, said in RULES.items() if rule.search(name)]
    if len(os.fsencode(name)) > LONGEST_NAME_BYTES:
        broken = [f"it has more than {LONGEST_NAME_BYTES} bytes in UTF-8, as no file's name has"]
    if broken:
        raise BadRequest(
            f"imageName is the name of a file in server.images: {broken[0]}", code="bad_name"
        )
