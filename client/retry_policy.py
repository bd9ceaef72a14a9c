"""Three tries, one minute apart, for what can heal; within the run window."""

from __future__ import annotations

import time
from collections.abc import Callable

import requests
from msgspec import Struct, field
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt
from tenacity.stop import stop_base
from tenacity.wait import wait_exception

from scoring.protocol.errors import (
    RETRYABLE_STATUSES,
    BrokenAnswer,
    HttpRefusal,
    ScoringError,
    StrangerOnPort,
)
from scoring.settings import ClientSettings

# Not subclasses of each other, and none of the builtin ConnectionError.
RETRYABLE_TRANSPORT = (
    requests.exceptions.ConnectionError,
    requests.exceptions.Timeout,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
)


# What the HTTP library's text holds → what it means, where its class does not tell; the first that
# fits counts: a proxy's name may be the one that nobody knows. No address: it may hold a password.
PARTS = {
    "CERTIFICATE_VERIFY_FAILED": (
        "its certificate is not trusted; REQUESTS_CA_BUNDLE names a file of those that are"
    ),
    "NO_CERTIFICATE_OR_CRL_FOUND": "REQUESTS_CA_BUNDLE names a file that has no certificates",
    "ProxyError(": "the proxy that HTTP_PROXY or HTTPS_PROXY names is not reachable or refuses",
    "Failed to resolve": "there is no host of that name, or no name server answers",
    "Connection aborted": "it hung up before it had answered",
}


class RunWindow(Struct, frozen=True):
    """How long this run may still take, on the monotonic clock; None: as long as it needs."""

    seconds: float | None = None
    started: float = field(default_factory=time.monotonic)

    def left(self) -> float | None:
        """Return the seconds left, never below 0."""
        if self.seconds is None:
            return None
        return max(0.0, self.seconds - (time.monotonic() - self.started))


def can_heal(error: BaseException) -> bool:
    """Tell whether the same request may succeed later."""
    if isinstance(error, HttpRefusal):
        return error.status in RETRYABLE_STATUSES
    return isinstance(error, (*RETRYABLE_TRANSPORT, BrokenAnswer, StrangerOnPort))


def reason(error: BaseException | None) -> str:
    """Return one clear clause; the HTTP library's own texts run to three lines."""
    if isinstance(error, ScoringError):
        return str(error)
    for part, text in PARTS.items():
        if part in str(error):
            return text
    texts = {
        "SSLError": "what listens there speaks no TLS that is understood",
        "Timeout": "no answer in time",
        "ChunkedEncodingError": "its answer broke off",
        "ContentDecodingError": "its answer is packed in a way that was not asked for",
        "ConnectionError": "nobody listens there",
    }
    for kind in type(error).__mro__:
        for name, text in texts.items():
            if kind.__name__.endswith(name):
                return text
    return type(error).__name__


def wait_as_told(seconds: float, longest: float, window: RunWindow) -> wait_exception:
    """Wait the usual ``seconds``, or longer where the server says ``Retry-After``.

    What lies past the window is no use, nor without one what is past ``longest`` seconds: then
    the usual time it is.
    """

    def wait(error: BaseException) -> float:
        told = (error.retry_after if isinstance(error, HttpRefusal) else None) or 0.0
        left = window.left()
        too_long = told > longest if left is None else told >= left
        return seconds if too_long else max(seconds, told)

    return wait_exception(wait)


class stop_past_window(stop_base):  # tenacity's own names read this way
    """Give up where the next try would fall outside the run window.

    Not tenacity's ``stop_before_delay``: that counts from the first try of each request, and the
    window from the start of the run.
    """

    def __init__(self, window: RunWindow) -> None:
        self._window = window

    def __call__(self, retry_state: RetryCallState) -> bool:
        left = self._window.left()
        return left is not None and retry_state.upcoming_sleep >= left


def failure(state: RetryCallState) -> BaseException | None:
    """Return the error of the try that just failed."""
    return state.outcome.exception() if state.outcome else None


def retrying(
    settings: ClientSettings,
    window: RunWindow,
    sleep: Callable[[float], None],
    before_sleep: Callable[[RetryCallState], None],
) -> Retrying:
    """Return the policy; it raises the last error as it was."""
    return Retrying(
        stop=stop_after_attempt(settings.tries) | stop_past_window(window),
        wait=wait_as_told(settings.retry_seconds, settings.max_retry_after_seconds, window),
        retry=retry_if_exception(can_heal),
        sleep=sleep,
        before_sleep=before_sleep,
        reraise=True,
    )
