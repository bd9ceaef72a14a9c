"""What the desk signs its cookies with: made at the first start, beside the ledger, kept for good.

Whoever removes the file signs everybody out.
"""

from __future__ import annotations

import secrets
from pathlib import Path

from scoring.protocol.errors import ScoringError
from scoring.protocol.whole_file import read_whole
from scoring.records.atomic_file import replacing
from scoring.records.database import make_private
from scoring.settings import Settings

FILE = "desk.secret"
BYTES = 32


def signing_secret(settings: Settings) -> bytes:
    """Return the secret of a project's desk; raises ScoringError where it cannot be kept."""
    path = settings.ledger_file.parent / FILE
    try:
        return _read(path) or _make(path)
    except OSError as error:
        raise ScoringError(f"{path} cannot be used: {error.strerror or error}") from error


def _read(path: Path) -> bytes | None:
    """Return what stands there; None for nothing, or less than was ever written."""
    try:
        secret = read_whole(path)
    except FileNotFoundError:
        return None
    return secret if len(secret) == BYTES else None


def _make(path: Path) -> bytes:
    secret = secrets.token_bytes(BYTES)
    # What is torn may have been made readable for others; its mode is not to be kept.
    path.unlink(missing_ok=True)
    with replacing(path) as part:
        make_private(part)
        part.write_bytes(secret)
    return secret
