"""An HTTP answer that is whole within its socket's time-out, or is no answer.

The time-out of a socket starts anew with every byte: a server that sends one now and then, of a
header line or of anything else, would be waited for without an end.
"""

from __future__ import annotations

import io
import time
from http.client import HTTPResponse
from socket import socket
from typing import Any, cast


class WholeAnswer(HTTPResponse):
    """For ``response_class`` of an HTTPConnection; raises TimeoutError from whatever reads it.

    What counts is the time since the request was sent, through the last byte of the body.
    """

    def __init__(self, sock: socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        seconds = sock.gettimeout()
        if seconds is not None:
            self.fp = io.BufferedReader(_UntilDeadline(self.fp.detach(), sock, seconds))


class _UntilDeadline(io.RawIOBase):
    """Reads from a socket's file while there is time left."""

    def __init__(self, raw: io.RawIOBase, sock: socket, seconds: float) -> None:
        self._raw = raw
        self._socket = sock
        self._seconds = seconds
        self._deadline = time.monotonic() + seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Read what comes into ``buffer``; raises TimeoutError once the time is over."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError(f"the answer was not whole after {self._seconds:g} s")
        self._socket.settimeout(left)
        try:
            return cast("int | None", self._raw.readinto(buffer))
        finally:
            # The next request on this connection has the whole time again.
            self._socket.settimeout(self._seconds)

    def close(self) -> None:
        self._raw.close()
        super().close()
