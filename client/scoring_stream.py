"""Chunks of pictures → their results, with several chunks at the server at the same time."""

from __future__ import annotations

import os
import uuid
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from client.pictures import until_raised
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


def _check_same_process(began_in: int) -> None:
    if os.getpid() != began_in:
        raise RuntimeError(
            "these predictions are the parent process's, which goes on with them; ask for others"
        )


def stream_results(
    client: ScoringClient, signature: Signature, chunks: Iterator[Chunk], tries: Tries
) -> Iterator[PictureResult]:
    """Yield a result for each picture, in order; no more chunks are held than are under way.

    Where the caller has enough, or a chunk fails, those under way have no further tries. What the
    chunks raise is raised behind the results of those before. Raises RuntimeError in a process that
    was forked off meanwhile: it has none of the threads.
    """
    began_in = os.getpid()
    call = uuid.uuid4().hex[:8]
    most = client.options.chunks_in_flight * len(client.servers)

    def score(chunk: Chunk) -> list[PictureResult]:
        readable = [row.pixels for row in chunk.rows if row.pixels is not None]
        if not readable:
            return results_of(chunk, [], signature)
        request_id = f"{call}/{chunk.rows[0].num}"
        ids = range(len(readable))
        answer = client.score_rows(signature, ids, np.stack(readable), request_id, tries)
        return results_of(chunk, answer.predictions, signature)

    def answers() -> Iterator[PictureResult]:
        for result in answer_of(sent.popleft()):
            yield result
            _check_same_process(began_in)

    sent: deque[Future[list[PictureResult]]] = deque()
    raised: list[Exception] = []
    with ThreadPoolExecutor(most, thread_name_prefix="posting") as posting:
        try:
            for chunk in until_raised(chunks, raised):
                if len(sent) == most:
                    yield from answers()
                sent.append(posting.submit(score, chunk))
            while sent:
                yield from answers()
            if raised:
                raise raised.pop()
        finally:
            tries.stop.request()
