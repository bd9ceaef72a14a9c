"""Waiting for another process, on the clock that never jumps."""

from __future__ import annotations

import time


def wait_until(deadline: float, poll_seconds: float) -> bool:
    """Sleep a little; False when the monotonic deadline has passed."""
    left = deadline - time.monotonic()
    if left <= 0:
        return False
    time.sleep(min(poll_seconds, left))
    return True
