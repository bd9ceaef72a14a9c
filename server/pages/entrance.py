"""Who may use the upload page of a server that wants its key: the key once, then a signed cookie.

The cookie opens the page and what the page sends, no other path. It holds no key, only until when
it is good, and whoever changes the key makes all of them worthless.
"""

from __future__ import annotations

import hashlib
import hmac

from itsdangerous import BadSignature, TimestampSigner
from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header, parse_cookie

from scoring.protocol.errors import TooManyTries, Unauthorized
from scoring.protocol.identity import Headers
from scoring.protocol.throttle import Throttle

FRONT, UPLOAD, LOGIN = "/", "/upload", "/login"
# A key and the name of its field; what is longer has to bring the key in its headers.
LOGIN_BYTES = 4_096
GOOD_FOR_SECONDS = 12 * 3_600
ADMITTED = "admitted"


class Entrance:
    """The rules of one server; without a key everybody is admitted. Thread-safe."""

    def __init__(self, key: str, throttle: Throttle | None = None) -> None:
        self._key = key
        self._throttle = throttle or Throttle()
        self._signer = TimestampSigner(key, salt="upload page", digest_method=hashlib.sha256)
        # Cookies know no ports: two servers of one machine would take each other's away.
        name = hmac.new(key.encode(), b"name of the cookie", hashlib.sha256).hexdigest()
        self.cookie_name = f"scorer-{name[:8]}"

    def opens(self, path: str, headers: Headers) -> bool:
        """Tell whether a request needs no key in its headers, though its path is not open to all.

        A browser sees the page, which shows nothing but a field for the key, and may send that.
        """
        if path == FRONT:
            return wants_page(headers)
        return path == LOGIN or (path == UPLOAD and self.admits(headers))

    def admits(self, headers: Headers) -> bool:
        """Tell whether a browser has shown the key, or need not."""
        if not self._key:
            return True
        try:
            shown = parse_cookie(headers.get("Cookie", "")).getlist(self.cookie_name)
        except ValueError:
            # What is no text at all cannot even be parsed.
            return False
        # Of one name there may be several: of another path, or put there by another port's page.
        return any(map(self._is_ours, shown))

    def _is_ours(self, cookie: str) -> bool:
        try:
            shown = self._signer.unsign(cookie, max_age=GOOD_FOR_SECONDS)
        except (BadSignature, ValueError):
            return False
        return bool(shown == ADMITTED.encode())

    def cookie(self) -> str:
        """Return what a browser shows from now on."""
        return self._signer.sign(ADMITTED).decode()

    def try_key(self, given: str, address: str) -> None:
        """Raise Unauthorized for a wrong key, TooManyTries where wrong ones came too fast."""
        wait = self._throttle.take(address)
        if wait:
            raise TooManyTries(wait)
        if not hmac.compare_digest(given.encode("utf-8", "replace"), self._key.encode()):
            raise Unauthorized("that is not the key", code="wrong_key")
        self._throttle.give_back(address)


def is_form_of_page(path: str, length: int) -> bool:
    """Tell whether a body may come without the key in the headers, by what the rules above say.

    ``length`` is 0 for a body of unknown length.
    """
    return path == UPLOAD or (path == LOGIN and 0 < length <= LOGIN_BYTES)


def wants_page(headers: Headers) -> bool:
    """Tell whether a caller would rather have HTML than JSON, as browsers do (RFC 9110, 12.5.1).

    Who takes anything, as curl and most programs, gets JSON.
    """
    accepted = parse_accept_header(headers.get("Accept", ""), MIMEAccept)
    return bool(accepted.quality("text/html") > accepted.quality("application/json"))
