"""One chunk on its way to the server and back, with the tries that the user asked for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from client.retry_policy import can_heal, reason
from client.server_link import Answer, ServerLink
from client.server_pool import ServerPool
from client.stop_signal import Interrupted
from client.tries import Tries
from scoring.protocol.errors import HttpRefusal, ScoringError
from scoring.protocol.prediction import BadResponse, RowPrediction
from scoring.protocol.signature import Signature
from scoring.records.rows import ChunkCost


class ScoringFailed(ScoringError):
    """The run cannot go on: no answer after all tries, or one that cannot be trusted."""

    code = "scoring-failed"


class ChunkPoster:
    """Posts one chunk with the tries it has; halves it on 413.  ``cost`` is what it took."""

    def __init__(self, link: ServerLink | ServerPool, signature: Signature, tries: Tries) -> None:
        self._link = link
        self._signature = signature
        self._tries = Tries(tries.options, tries.stop, self._count_and_tell)
        self._tell = tries.tell
        self.cost = ChunkCost()

    def post(
        self, ids: Sequence[int], pixels: NDArray[np.uint8], request_id: str
    ) -> list[RowPrediction]:
        """Return the predictions in order; raises ScoringFailed when no try helped."""
        try:
            return self._post_with_tries(ids, pixels, request_id)
        except HttpRefusal as error:
            if error.status != 413 or len(ids) < 2:
                raise ScoringFailed(str(error)) from error
            half = len(ids) // 2
            return self.post(ids[:half], pixels[:half], request_id) + self.post(
                ids[half:], pixels[half:], request_id
            )

    def _post_with_tries(
        self, ids: Sequence[int], pixels: NDArray[np.uint8], request_id: str
    ) -> list[RowPrediction]:
        try:
            answer = self._tries.ask(
                lambda: self._link.predict(self._signature, ids, pixels, request_id),
                self._check_before,
                lambda seconds: self._link.wait_for_one(seconds, self._tries.stop, self._signature),
            )
        except (Interrupted, HttpRefusal):
            raise
        except Exception as error:
            if can_heal(error) or isinstance(error, (BadResponse, ScoringError)):
                raise ScoringFailed(f"no predictions after all tries: {reason(error)}") from error
            raise
        self._add(answer)
        return answer.response.predictions

    def _check_before(self, attempt: int) -> None:
        """Before another try: is a stop asked for, and who is on the port now?"""
        if attempt > 1:
            self._tries.stop.raise_if_requested()
            self._link.check_identity()

    def _add(self, answer: Answer) -> None:
        cost = self.cost
        self.cost = ChunkCost(
            cost.prediction_seconds + answer.response.inference_seconds,
            cost.payload_bytes + answer.payload_bytes,
            cost.retries,
        )

    def _count_and_tell(self, error: BaseException) -> None:
        cost = self.cost
        self.cost = ChunkCost(cost.prediction_seconds, cost.payload_bytes, cost.retries + 1)
        self._tell(error)
