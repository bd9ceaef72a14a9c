"""Chunks of pictures → their results, with several chunks at the server at the same time."""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from client.results import Chunk, PictureResult, results_of
from client.tries import Tries
from scoring.protocol.signature import Signature

if TYPE_CHECKING:
    from client.api import ScoringClient

LISTEN_SECONDS = 0.5

Answer = TypeVar("Answer")


def answer_of(sent: Future[Answer]) -> Answer:
    """Wait for a chunk that is under way.

    In short turns: on Windows a wait without an end does not let Ctrl-C through.
    """
    while not wait([sent], timeout=LISTEN_SECONDS).done:
        pass
    return sent.result()


def stream_results(
    client: ScoringClient, signature: Signature, chunks: Iterator[Chunk]
) -> Iterator[PictureResult]:
    """Yield a result for each picture, in order; no more chunks are held than are under way.

    Where the caller has enough, or a chunk fails, those under way have no further tries.
    """
    call = uuid.uuid4().hex[:8]
    tries = Tries(client.options)
    most = client.options.chunks_in_flight * len(client.servers)

    def score(chunk: Chunk) -> list[PictureResult]:
        readable = [row.pixels for row in chunk.rows if row.pixels is not None]
        if not readable:
            return results_of(chunk, [], signature)
        request_id = f"{call}/{chunk.rows[0].num}"
        ids = range(len(readable))
        answer = client.score_rows(signature, ids, np.stack(readable), request_id, tries)
        return results_of(chunk, answer.predictions, signature)

    sent: deque[Future[list[PictureResult]]] = deque()
    with ThreadPoolExecutor(most, thread_name_prefix="posting") as posting:
        try:
            for chunk in chunks:
                if len(sent) == most:
                    yield from answer_of(sent.popleft())
                sent.append(posting.submit(score, chunk))
            while sent:
                yield from answer_of(sent.popleft())
        finally:
            tries.stop.request()
