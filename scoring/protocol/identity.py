"""Who asks, and who answers: each request is signed, each answer proves that its server is ours.

A supervisor makes one secret a session and gives it to its server and its client over their pipes;
it never travels by HTTP. A request carries a fresh challenge, the digest of its body and an HMAC
over both, its method and its path. Its answer carries an HMAC over that challenge, the status and
the body. A connection of a pool is reopened without anybody's notice, so this is so for every
request, not once for each connection.

Whoever records a request can have the same pixels scored again by the same server, no more.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Any, Protocol

from msgspec import Struct

CHALLENGE_HEADER = "Scoring-Challenge"
DIGEST_HEADER = "Scoring-Digest"
# Of the request in a request, of the answer in an answer.
PROOF_HEADER = "Scoring-Proof"

SECRET_BYTES = 32
CHALLENGE_BYTES = 16


class Headers(Protocol):
    """Headers of whatever library: found by name, upper or lower case."""

    def get(self, name: str, default: str, /) -> Any:
        """Return the value of a header, or the default."""


class SessionSecret(Struct, frozen=True):
    """What supervisor, server and client of one session share, and nobody else knows."""

    _text: str

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    @classmethod
    def new(cls) -> SessionSecret:
        """Return a secret that nobody can guess."""
        return cls(secrets.token_hex(SECRET_BYTES))

    def reveal(self) -> str:
        """Return it for the pipe to a child; it goes nowhere else."""
        return self._text

    def sign(self, method: str, path: str, body: bytes = b"") -> dict[str, str]:
        """Return the headers of a request, with a new challenge; ``path`` is not quoted."""
        challenge, digest = secrets.token_hex(CHALLENGE_BYTES), body_digest(body)
        return {
            CHALLENGE_HEADER: challenge,
            DIGEST_HEADER: digest,
            PROOF_HEADER: self._of_request(method, path, challenge, digest),
        }

    def has_signed(self, method: str, path: str, headers: Headers) -> bool:
        """Tell whether whoever sent these headers knows the secret.

        The body, which may not have come yet, must have the digest in them: ``body_digest``.
        """
        challenge, digest = headers.get(CHALLENGE_HEADER, ""), headers.get(DIGEST_HEADER, "")
        expected = self._of_request(method, path, challenge, digest)
        return _same(expected, headers.get(PROOF_HEADER, ""))

    def prove(self, challenge: str, status: int, body: bytes) -> str:
        """Return what an answer carries in ``PROOF_HEADER``."""
        return self._hmac("answer", challenge, str(status), body_digest(body))

    def has_proved(self, challenge: str, status: int, body: bytes, proof: str) -> bool:
        """Tell whether the answer to this challenge comes, as it is, from the session's server."""
        return _same(self.prove(challenge, status, body), proof)

    def _of_request(self, method: str, path: str, challenge: str, digest: str) -> str:
        return self._hmac("request", challenge, method, digest, path)

    def _hmac(self, *parts: str) -> str:
        # No part but the last can hold a line end: a header has none, a path may.
        text = "\n".join(parts).encode("utf-8", "surrogatepass")
        return hmac.digest(self._text.encode(), text, hashlib.sha256).hex()


def body_digest(body: bytes) -> str:
    """Return the SHA-256 of a body as it travels, compressed where it is."""
    return hashlib.sha256(body).hexdigest()


def _same(expected: str, given: str) -> bool:
    return hmac.compare_digest(expected.encode(), given.encode("utf-8", "surrogatepass"))
