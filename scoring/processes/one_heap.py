"""Memory of a small program with threads."""

from __future__ import annotations

import ctypes

# mallopt(3), <malloc.h>.
M_ARENA_MAX = -8


def share_one_heap() -> bool:
    """Have all threads take memory from one heap; before they are started.

    The GNU C library gives each its own, and none of them gives back what it once held. Tells
    whether that is so now: other systems' libraries have no such thing to set.
    """
    try:
        return bool(ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1))
    except (AttributeError, OSError, TypeError):
        return False
