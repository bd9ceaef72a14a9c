"""How fast keys may be tried: some at once, then one after another; each right one costs nothing.

Nobody is shut out: a bucket fills again by itself, and what is refused takes nothing out of it.
Each address has a bucket, and all of them together have one, so that many addresses try no faster
than a few. A browser that was signed in before has a bucket of its own and no part in theirs.
"""

from __future__ import annotations

import ipaddress
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from msgspec import Struct

# Each address: five tries at once, then one in ten seconds. All together: fifty, then one a second.
ONE_BURST, ONE_SECONDS = 5.0, 10.0
ALL_BURST, ALL_SECONDS = 50.0, 1.0
# Remembered at most; the one longest unheard of is forgotten first, and its bucket is full again.
MOST_CALLERS = 10_000


class Bucket(Struct):
    """Tries that are left; one more every ``seconds``, up to ``burst``."""

    burst: float
    seconds: float
    left: float
    at: float

    def wait(self, now: float) -> float:
        """Return how many seconds it is until a try is left; 0: there is one."""
        self.left = min(self.burst, self.left + (now - self.at) / self.seconds)
        self.at = now
        return max(0.0, (1.0 - self.left) * self.seconds)


class Throttle:
    """The tries of everybody; ``clock`` returns seconds that never go back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._all = Bucket(ALL_BURST, ALL_SECONDS, ALL_BURST, clock())
        self._callers: OrderedDict[str, Bucket] = OrderedDict()

    def take(self, caller: str, *, known: bool = False) -> int:
        """Take a try; return 0, or after how many seconds to come again.

        Taken before the key is looked at, so that many at the same time are no more than one
        after another. ``known``: a browser that was signed in before.
        """
        with self._lock:
            buckets = self._buckets(caller, known)
            wait = max(bucket.wait(self._clock()) for bucket in buckets)
            if wait > 0:
                return math.ceil(wait)
            for bucket in buckets:
                bucket.left -= 1
            return 0

    def give_back(self, caller: str, *, known: bool = False) -> None:
        """Undo ``take``: the key was right."""
        with self._lock:
            for bucket in self._buckets(caller, known):
                bucket.left += 1

    def _buckets(self, caller: str, known: bool) -> list[Bucket]:
        name = f"known {caller}" if known else neighbourhood(caller)
        own = self._callers.pop(name, None)
        if own is None:
            own = Bucket(ONE_BURST, ONE_SECONDS, ONE_BURST, self._clock())
        self._callers[name] = own
        if len(self._callers) > MOST_CALLERS:
            self._callers.popitem(last=False)
        return [own] if known else [own, self._all]


def neighbourhood(address: str) -> str:
    """Return what one person may have of addresses: of IPv6 the first 64 bits."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)
