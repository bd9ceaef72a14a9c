"""One chunk on its way to the server and back, with the retries the user asked for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from client.retry_policy import can_heal, failure, reason, retrying
from client.run_context import Interrupted, RunContext, ScoringFailed
from scoring.protocol.errors import HttpRefusal, ScoringError
from scoring.protocol.prediction import BadResponse, RowPrediction
from scoring.records.ledger import ChunkCost


class ChunkPoster:
    """Posts one chunk with the retries the user asked for; halves it on 413."""

    def __init__(self, context: RunContext, run_id: str, batch: str) -> None:
        self._context = context
        self._run_id = run_id
        self._batch = batch
        self.cost = ChunkCost()

    def post(
        self, ids: Sequence[int], pixels: NDArray[np.uint8], request_id: str
    ) -> list[RowPrediction]:
        """Return the predictions in order; raises ScoringFailed when no try helped."""
        try:
            return self._post_with_retries(ids, pixels, request_id)
        except HttpRefusal as error:
            if error.status != 413 or len(ids) < 2:
                raise ScoringFailed(str(error)) from error
            half = len(ids) // 2
            return self.post(ids[:half], pixels[:half], request_id) + self.post(
                ids[half:], pixels[half:], request_id
            )

    def _post_with_retries(
        self, ids: Sequence[int], pixels: NDArray[np.uint8], request_id: str
    ) -> list[RowPrediction]:
        context = self._context
        policy = retrying(
            context.settings.client,
            context.stop.window,
            context.stop.sleep,
            lambda state: self._tell_retry(failure(state)),
        )
        try:
            for attempt in policy:
                with attempt:
                    self._check_before(attempt.retry_state.attempt_number)
                    answer = context.client.predict(context.signature, ids, pixels, request_id)
        except (Interrupted, HttpRefusal):
            raise
        except Exception as error:
            if can_heal(error) or isinstance(error, (BadResponse, ScoringError)):
                raise ScoringFailed(f"no predictions after all tries: {reason(error)}") from error
            raise
        self._add(answer.response.inference_seconds, answer.payload_bytes)
        return answer.response.predictions

    def _check_before(self, attempt: int) -> None:
        """Before another try: is a stop asked for, and who is on the port now?"""
        if attempt > 1:
            self._context.raise_if_stopped()
            self._context.client.check_identity()

    def _add(self, seconds: float, payload_bytes: int) -> None:
        cost = self.cost
        self.cost = ChunkCost(
            cost.prediction_seconds + seconds, cost.payload_bytes + payload_bytes, cost.retries
        )

    def _tell_retry(self, error: BaseException | None) -> None:
        cost = self.cost
        self.cost = ChunkCost(cost.prediction_seconds, cost.payload_bytes, cost.retries + 1)
        self._context.events.warning(
            "retry", f"{reason(error)}; trying again", run=self._run_id, batch=self._batch
        )
