"""One connection: bounded in number, in time and in what it leaves behind."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterable
from functools import partial
from typing import Any

from waitress.channel import HTTPChannel

from scoring.protocol.errors import ApiError
from server.http_request import AnswerTask, HttpRequest, RefusalTask

# A byte now and then keeps a connection from being idle; the largest request at 50 KB/s is whole
# by then.
REQUEST_SECONDS = 300
# How long a caller may go on sending what was refused, so that he comes to read why.
LINGER_SECONDS = 5
# Where there are too many connections, those that move fewer bytes a second go first. It is far
# less than any honest link moves, and what hundreds of connections must not come to unnoticed.
SLOWEST_BYTES_PER_SECOND = 2_000
# Whoever has begun a request, however little of it there is, is believed for so long.
BEGUN_SECONDS = 2.0
# How long a caller may pause whose bytes came faster than that.
LONGEST_CREDIT_SECONDS = 5.0


class Channel(HTTPChannel):  # type: ignore[misc]  # waitress has no types
    """One connection. A new one past the limit takes the place of the one idle for longest.

    ``idle_since`` is when it was opened, or its last request answered, or soon after one was
    begun. Each byte that comes or goes puts it off a little, so that a byte now and then does not
    help, and what moves as a request should is idle only in some seconds from now.

    waitress would take no more connections at all: whoever holds them open, sending a byte now
    and then, would keep everybody out. A request that does not come to its end is given up.
    """

    task_class = AnswerTask
    error_task_class = RefusalTask

    def __init__(self, server: Any, *arguments: Any, **options: Any) -> None:
        super().__init__(server, *arguments, **options)
        self.parser_class = partial(HttpRequest, door=server.door)
        self._begun: Any = None
        self._begun_at = 0.0
        self.idle_since = time.monotonic()
        self._may_begin = True
        self._was_refused = False
        self._lingers_until: float | None = None
        self._unsent = server.door.memory.share()
        channels = list(server.active_channels.values())
        if len(channels) > server.max_connections:
            make_room(one for one in channels if one is not self)

    def readable(self) -> bool:
        """Asked before every wait for more, each second at least."""
        if self._lingers_until is not None:
            self.will_close = time.monotonic() > self._lingers_until
            return not self.will_close
        if self.request is not self._begun or self.requests:
            self._begun, self._begun_at = self.request, time.monotonic()
        elif self._begun is not None and time.monotonic() - self._begun_at > REQUEST_SECONDS:
            self.will_close = True
        return bool(super().readable())

    def writable(self) -> bool:
        """Asked before every wait: whether to be woken once the caller takes more of an answer.

        Not while a thread is sending it. The loop could send nothing meanwhile and would be woken
        at once, again and again, by a socket that has room, holding the lock that the thread needs
        to come back. What the thread leaves unsent it says itself (``pull_trigger``).
        """
        return bool(super().writable()) and not (self.requests and self._is_sending())

    def received(self, data: bytes) -> bool:
        """Take in what has come; what follows a refusal is dropped."""
        if self._lingers_until is not None:
            return True
        self._begin()
        self._earn(len(data))
        return bool(super().received(data))

    def service(self) -> None:
        """Answer the first of the requests; on a thread of its own."""
        request = self.requests[0]
        self._was_refused = request.error is not None and request.ends_connection
        super().service()
        self._put_off(0.0)
        self._may_begin = True
        self._account_for_unsent()

    def handle_write(self) -> None:
        """Send what the caller takes."""
        unsent = self.total_outbufs_len
        super().handle_write()
        self._earn(max(0, unsent - self.total_outbufs_len))
        if not self.total_outbufs_len:
            self._unsent.close()

    def handle_close(self) -> None:
        """Close the connection; after a refusal only once its body has come and was dropped.

        To close while it is still coming would take the answer away from the caller.
        """
        if self._was_refused and self._lingers_until is None:
            self._lingers_until = time.monotonic() + LINGER_SECONDS
            self.will_close = False
            if self._shut_down():
                return
        if self.request is not None:
            self.request.close()
        super().handle_close()
        self._unsent.close()

    def drop(self) -> None:
        """Close the connection now, whatever its caller still sends."""
        self._was_refused = False
        self.handle_close()

    def has_unread(self) -> bool:
        """Tell whether a request begins in what has come, but was not looked at yet."""
        try:
            return self._may_begin and bool(self.socket.recv(1, socket.MSG_PEEK)) and self._begin()
        except OSError:
            return False

    def _is_sending(self) -> bool:
        if self.outbuf_lock.acquire(blocking=False):
            self.outbuf_lock.release()
            return False
        return True

    def _begin(self) -> bool:
        """Be active for a while: once for each answer, for blank lines begin no request."""
        began, self._may_begin = self._may_begin, False
        if began:
            self._put_off(BEGUN_SECONDS)
        return began

    def _put_off(self, seconds: float) -> None:
        self.idle_since = max(self.idle_since, time.monotonic() + seconds)

    def _earn(self, count: int) -> None:
        """Put off when the connection counts as idle, by what it moved."""
        latest = time.monotonic() + LONGEST_CREDIT_SECONDS
        self.idle_since = min(self.idle_since + count / SLOWEST_BYTES_PER_SECOND, latest)

    def _account_for_unsent(self) -> None:
        """Whoever does not fetch his answers holds memory; where there is none, he is cut off."""
        self._unsent.close()
        try:
            self._unsent.take(self.total_outbufs_len)
        except ApiError:
            self.will_close = True
        if not self.connected or not self.total_outbufs_len:
            self._unsent.close()

    def _shut_down(self) -> bool:
        if not self.connected or self.socket is None:
            return False
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            return False
        return True


def is_busy(channel: Any) -> bool:
    """Tell whether a connection waits for an answer, or its caller for the rest of one."""
    return bool(channel.requests) or channel.total_outbufs_len > 0


def make_room(channels: Iterable[Any]) -> bool:
    """Close the connection that is idle for longest; tell whether there was one.

    One whose request is being answered stays.
    """
    others = [one for one in channels if not one.requests]
    if not others:
        return False
    while (idlest := min(others, key=lambda one: one.idle_since)).has_unread():
        pass
    idlest.drop()
    return True
