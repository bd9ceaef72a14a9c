"""Who has which picture before him: for a while, so that two people do not judge the same one.

In the memory of the desk alone. What is lost with it costs nothing: a review is written only where
nobody else's stands.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from msgspec import Struct


class Lease(Struct, frozen=True):
    """A picture held for ``holder``, asked for by one showing of the page (``visit``)."""

    holder: str
    visit: str
    ends: float


class Leases:
    """Leases by picture; not for several threads at once."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Hold each for so many seconds after it was last asked for."""
        self._seconds = seconds
        self._clock = clock
        self._leases: dict[str, Lease] = {}

    def take(self, picture: str, holder: str, visit: str) -> bool:
        """Hold a picture from now on; False: somebody else does."""
        if self.holder(picture) not in (None, holder):
            return False
        self._leases[picture] = Lease(holder, visit, self._clock() + self._seconds)
        return True

    def holder(self, picture: str) -> str | None:
        """Return who holds a picture now."""
        lease = self._leases.get(picture)
        return lease.holder if lease and lease.ends > self._clock() else None

    def held_by(self, holder: str) -> set[str]:
        """Return all that somebody holds now."""
        now = self._clock()
        return {
            picture
            for picture, lease in self._leases.items()
            if lease.holder == holder and lease.ends > now
        }

    def free(self, picture: str, holder: str) -> None:
        """Let a picture go; nothing where somebody else holds it."""
        if self.holder(picture) in (None, holder):
            self._leases.pop(picture, None)

    def leave(self, holder: str, visit: str) -> None:
        """Let go what one showing of the page asked for, and forget what has run out.

        The word that a page was left may come after the page is there again: what was asked for
        since then stays.
        """
        now = self._clock()
        self._leases = {
            picture: lease
            for picture, lease in self._leases.items()
            if lease.ends > now and (lease.holder, lease.visit) != (holder, visit)
        }
