"""Threads for requests, by what they cost, and no more requests waiting for them than is set.

A large request holds its thread for a second, a small one for milliseconds: where they shared
threads, a few of the former would stop all of the latter. Whoever would have to wait behind too
many is told at once to come again, of a large body before it is taken in. To tell that, and
health, there are other threads: one for each, for whoever watches asks most when many are refused.
"""

from __future__ import annotations

from typing import Any

from waitress.task import ThreadedTaskDispatcher

from scoring.protocol.errors import Unavailable
from scoring.settings import ServerSettings, available_cores

# For what costs next to nothing; each is one of a connection, so that they are bounded with those.
QUICK_THREADS = 1


class Lane(ThreadedTaskDispatcher):  # type: ignore[misc]  # waitress has no types
    """Some threads and a queue before them that has an end."""

    def __init__(self, threads: int, places: int) -> None:
        super().__init__()
        self._places = places
        self.set_thread_count(threads)

    def offer(self, task: Any) -> bool:
        """Queue a task; tell whether there was a place for it."""
        with self.lock:
            if not self._has_place():
                return False
            self.queue.append(task)
            self.queue_cv.notify()
        return True

    def has_place(self) -> bool:
        """Tell whether a task would be queued now."""
        with self.lock:
            return self._has_place()

    def _has_place(self) -> bool:
        idle = len(self.threads) - self.stop_count - self.active_count
        return bool(len(self.queue) - idle < self._places)


class Lanes:
    """Stands where waitress has its one dispatcher of tasks; a task is a channel with a request."""

    def __init__(self, settings: ServerSettings, quick_paths: frozenset[str]) -> None:
        self._quick_paths = quick_paths
        self._large_bytes = settings.large_request_bytes
        # Few requests can run Python at once. With more threads than cores they take its lock from
        # one another, and whoever needs it least often, like health, waits longest for it.
        self._small = Lane(settings.threads or available_cores() + 1, settings.waiting)
        self._large = Lane(settings.large_threads, settings.large_waiting)
        self._telling = Lane(QUICK_THREADS, settings.connections)
        self._refusing = Lane(QUICK_THREADS, settings.connections)

    def add_task(self, channel: Any) -> None:
        """Queue the first request of a connection, or the news that there is no place for it."""
        request = channel.requests[0]
        if request.error is not None:
            self._refusing.add_task(channel)
        elif request.path in self._quick_paths:
            self._telling.add_task(channel)
        elif not self._lane(request.body_bytes()).offer(channel):
            request.turn_away(too_many())
            self._refusing.add_task(channel)

    def check_place(self, body_bytes: int) -> None:
        """Raise Unavailable where a body that is to come would have to wait behind too many.

        What comes at the same time may still fill the places before it is whole.
        """
        if body_bytes > self._large_bytes and not self._large.has_place():
            raise too_many()

    def shutdown(self, cancel_pending: bool = True, timeout: float = 5) -> None:
        """End all threads, as waitress does it."""
        for lane in (self._small, self._large, self._telling, self._refusing):
            lane.shutdown(cancel_pending, timeout)

    def _lane(self, body_bytes: int) -> Lane:
        return self._large if body_bytes > self._large_bytes else self._small


def too_many() -> Unavailable:
    """Return the error for a request for which no place is left."""
    return Unavailable("too many requests are waiting already", code="busy")
