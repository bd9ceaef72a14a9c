"""What must begin anew in a process that was forked off.

Such a process has its parent's connections, and both would read each other's answers on them; and
it has locks that threads may hold which only the parent has.
"""

from __future__ import annotations

import os
from typing import Protocol
from weakref import WeakSet


class BeginsAnew(Protocol):
    """Leaves what its parent has to the parent."""

    def begin_anew(self) -> None:
        """Take a way, locks and threads of one's own; nobody else runs in the process yet."""


_known: WeakSet[BeginsAnew] = WeakSet()


def begin_anew_when_forked(one: BeginsAnew) -> None:
    """Have it told in each process that is forked off, before that does anything else."""
    _known.add(one)


def _tell_all() -> None:
    for one in list(_known):
        one.begin_anew()


if hasattr(os, "register_at_fork"):  # there is no fork on Windows
    os.register_at_fork(after_in_child=_tell_all)
