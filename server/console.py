"""What the server says to whoever looks on: its own lines, and a line for each request."""

from __future__ import annotations

import logging
import sys


def log_to_console() -> None:
    """Write log lines to standard output; where logging is set up already, leave it so."""
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(asctime)s %(message)s")
    # That a caller hung up is no news, and would be told with his path as he wrote it.
    logging.getLogger("waitress").setLevel(logging.WARNING)
    # "Task queue depth is 1" is no news for whoever reads this log.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
