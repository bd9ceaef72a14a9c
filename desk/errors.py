"""What the desk alone refuses; the tree is drawn in ``scoring/protocol/errors.py``."""

from __future__ import annotations

from scoring.protocol.errors import ApiError


class Forbidden(ApiError):
    """A write that another site may have sent, or a host that the desk is not."""

    status = 403
    code = "forbidden"


class TooManyTries(ApiError):
    """Wrong keys came too fast; ``retry_after`` is in seconds."""

    status = 429
    code = "too_many_tries"

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"too many wrong keys; try again in {retry_after} s")
        self.retry_after = retry_after
