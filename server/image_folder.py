"""The one folder whose pictures may be asked for by name: ``server.images``."""

from __future__ import annotations

import os
import re
from pathlib import Path

from scoring.protocol.errors import BadRequest, NotFound, TooLarge
from scoring.records.regular_file import open_regular, read_to_end

# Separators of any system, a drive's colon, and what Windows opens as a device with any suffix.
NO_NAME = re.compile(r"[/\\:\0]|^\.|^(con|prn|aux|nul|com\d|lpt\d)(\.|$)|[. ]$", re.IGNORECASE)
LONGEST_NAME_BYTES = 255


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
        if NO_NAME.search(name) or len(os.fsencode(name)) > LONGEST_NAME_BYTES:
            raise BadRequest("imageName is the name of a file, no path", code="bad_name")
        try:
            return self._content(self._folder / name)
        except (OSError, ValueError):
            raise NotFound(
                "no picture of that name in the server's folder", code="unknown_image"
            ) from None

    def _content(self, path: Path) -> bytes:
        handle = open_regular(path)
        try:
            data = read_to_end(handle, os.fstat(handle).st_size, self._max_bytes)
        finally:
            os.close(handle)
        if len(data) > self._max_bytes:
            raise TooLarge(
                f"the picture has more than {self._max_bytes} bytes", limit=self._max_bytes
            )
        return data
