"""Partitions on Ray Data. The only module that knows Ray."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from cluster.errors import ClusterFailed
from cluster.parts import Counts
from cluster.plan import Partition
from cluster.scorer import Finished, Job, PartitionScorer
from scoring.protocol.errors import ScoringError

# Nothing is told to anybody, and no page is served. Before Ray is imported: it looks only then.
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
}
# Ray plans each block; more than so many make it slow, and a block may hold several partitions.
MOST_BLOCKS = 10_000


class Worker:
    """What lives on a node: one actor with its model, for as long as the run takes."""

    def __init__(self, job: Job) -> None:
        self._scorer = PartitionScorer(job)

    def __call__(self, table: Any) -> Any:
        """Score the partitions of an Arrow table; return a row of figures for each."""
        import pyarrow as pa

        done = [self._scorer.score(Partition(**row)) for row in table.to_pylist()]
        return pa.Table.from_pylist(
            [{"file": one.file, "seconds": one.seconds, **asdict(one.counts)} for one in done]
        )


@dataclass(frozen=True)
class RayEngine:
    """Has partitions scored by the actors of a Ray cluster.

    ``address`` is that of a cluster that runs already; empty: one of this machine's own, of
    ``cores`` cores, that ends with the run.
    """

    address: str = ""
    cores: int = 1

    def __call__(self, partitions: Sequence[Partition], job: Job) -> Iterator[Finished]:
        """Yield each partition when it is finished, in any order.

        Raises ClusterFailed with what the nodes could not come over.
        """
        os.environ.update(QUIET)
        import ray
        import ray.data
        import ray.exceptions

        try:
            self._connect(ray)
            for row in self._stream(ray, partitions, job):
                counts = Counts(row["images"], row["failed"], row["flagged"])
                yield Finished(row["file"], counts, row["seconds"])
        except (ray.exceptions.RayError, ConnectionError) as error:
            raise ClusterFailed(_reason(error)) from error
        finally:
            ray.shutdown()

    def _connect(self, ray: Any) -> None:
        own = {"num_cpus": self.cores, "include_dashboard": False}
        ray.init(
            address=self.address or "local",
            logging_level=logging.ERROR,
            log_to_driver=False,
            **({} if self.address else own),
        )

    def _stream(
        self, ray: Any, partitions: Sequence[Partition], job: Job
    ) -> Iterator[dict[str, Any]]:
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        actors = max(1, int(ray.cluster_resources().get("CPU", 1)) // job.cores)
        items = [asdict(partition) for partition in partitions]
        blocks = min(len(items), MOST_BLOCKS)
        rows: Iterator[dict[str, Any]] = (
            ray.data.from_items(items, override_num_blocks=blocks)
            .map_batches(
                Worker,
                fn_constructor_args=(job,),
                batch_size=1,
                batch_format="pyarrow",
                num_cpus=job.cores,
                # From one on: where a node is lost, the others go on without it.
                concurrency=(1, min(actors, blocks)),
            )
            .iter_rows()
        )
        return rows


def _reason(error: BaseException) -> str:
    """Return what a node said, without the stack that Ray puts around it."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ScoringError):
            return str(cause)
        inner = getattr(cause, "cause", None) or cause.__cause__
        cause = inner if isinstance(inner, BaseException) else None
    return f"Ray: {str(error).strip().splitlines()[-1] if str(error).strip() else error!r}"
