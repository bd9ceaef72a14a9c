"""How many large pictures are decoded at the same time: as many as their memory allows."""

from __future__ import annotations

import threading

from scoring.preprocessing.pixels import DecodeLimits
from scoring.settings import ClientSettings

# Smaller ones are bounded by the number of threads, and pay for no lock.
SMALL_PIXELS = 1_000_000


class DecodeBudget:
    """Lets threads decode large pictures as long as ``limit`` bytes hold what they decode to.

    One that needs more than all of it is decoded while no other large one is.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held: dict[int, int] = {}
        self._waiting: set[int] = set()
        self._changed = threading.Condition()

    def limits(self, client: ClientSettings) -> DecodeLimits:
        """Return what a picture is decoded within: the client's limits, and this budget."""
        return DecodeLimits(client.max_image_pixels, client.max_file_bytes, self.reserve)

    def reserve(self, pixels: int, bytes_each: int) -> None:
        """Wait until this thread may decode a picture of so many pixels of so many bytes."""
        if pixels >= SMALL_PIXELS:
            self._hold(pixels * bytes_each)

    def reserve_all(self) -> None:
        """Wait until no other thread decodes a large picture, and keep it so."""
        self._hold(self._limit)

    def release(self, thread: int | None = None) -> None:
        """Give back what a thread holds, by default this one."""
        if self._held:
            with self._changed:
                self._held.pop(thread or threading.get_ident(), None)
                self._changed.notify_all()

    def is_waited_for(self, thread: int) -> bool:
        """Tell whether a thread waits for its turn."""
        return thread in self._waiting

    def _hold(self, size: int) -> None:
        me = threading.get_ident()
        with self._changed:
            if me in self._held:
                return
            self._waiting.add(me)
            self._changed.wait_for(lambda: self._has_room(size))
            self._waiting.discard(me)
            self._held[me] = size

    def _has_room(self, size: int) -> bool:
        return not self._held or sum(self._held.values()) + size <= self._limit
