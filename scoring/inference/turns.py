"""Threads that work on many requests in turn, a slice of each, so that none waits for a whole one.

A request has no more slices with the threads than there are threads. The others come in between:
a small request is done after at most one slice of each large one, however many slices those have.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Turns:
    """Some threads, and the requests that wait for them: first come, first served, by slices."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="inference")

    def map(self, work: Callable[[Item], Result], slices: Iterable[Item]) -> list[Result]:
        """Return what ``work`` makes of each slice, in order; raises what it raises.

        May be called from any number of threads.
        """
        request = _Request(work, slices)
        for _ in range(min(self._threads, len(request.results))):
            self._executor.submit(self._take_turn, request)
        if len(request.results) > 1:
            # To be woken once, not after each slice.
            wait(request.results[-1:])
        return [result.result() for result in request.results]

    def close(self) -> None:
        """End the threads once what was begun is done; slices behind it are given up."""
        self._executor.shutdown()

    def _take_turn(self, request: _Request[Item, Result]) -> None:
        """Do one slice and queue up again, behind whoever has come meanwhile."""
        request.do_next()
        if not request.waiting:
            return
        try:
            self._executor.submit(self._take_turn, request)
        except RuntimeError:
            request.give_up()


class _Request(Generic[Item, Result]):
    """The slices of one request that wait still, and the results of all."""

    def __init__(self, work: Callable[[Item], Result], slices: Iterable[Item]) -> None:
        self._work = work
        self.waiting: deque[tuple[Item, Future[Result]]] = deque(
            (item, Future()) for item in slices
        )
        self.results = [result for _, result in self.waiting]

    def do_next(self) -> None:
        """Work on the next slice, where another thread has not taken the last one."""
        try:
            item, result = self.waiting.popleft()
        except IndexError:
            return
        try:
            result.set_result(self._work(item))
        except BaseException as error:
            # Whoever waits must hear of it, whatever it is.
            result.set_exception(error)
            self.give_up()

    def give_up(self) -> None:
        """Let nobody wait for the slices that nobody will do."""
        while self.waiting:
            _, result = self.waiting.popleft()
            result.cancel()
            result.set_running_or_notify_cancel()
