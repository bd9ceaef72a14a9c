"""Partitions on Ray Data. The only module that knows Ray."""

from __future__ import annotations

import logging
import os
import signal
import socket
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from cluster.errors import ClusterFailed, what_it_says
from cluster.parts import Counts
from cluster.plan import Partition
from cluster.scorer import Finished, Job, PartitionScorer
from scoring.protocol.errors import ScoringError, UsageError

log = logging.getLogger("scoring.cluster")

# Nothing is told to anybody, and no page is served. Before Ray is imported: it looks only then.
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
}
# Ray plans each block; more than so many make it slow, and a block may hold several partitions.
MOST_BLOCKS = 10_000
CONNECT_SECONDS, MOST_PORT = 10.0, 65_535


class Worker:
    """What lives on a node: one actor with its model, for as long as the run takes."""

    def __init__(self, job: Job) -> None:
        self._job = job

    @cached_property
    def _scorer(self) -> PartitionScorer:
        return PartitionScorer(self._job)

    def __call__(self, table: Any) -> Any:
        """Score the partitions of an Arrow table; return a row of figures for each.

        What kept it from that is the row's ``error``: of an exception Ray passes on the stack, and
        not what it says.
        """
        import pyarrow as pa

        return pa.Table.from_pylist([self._row(Partition(**row)) for row in table.to_pylist()])

    def _row(self, partition: Partition) -> dict[str, Any]:
        done, error = Finished(partition.file, Counts(), 0.0), ""
        try:
            done = self._scorer.score(partition)
        except (ScoringError, OSError) as raised:
            error = what_it_says(raised)
        except Exception as raised:
            log.exception("%s: a bug", partition.file)  # the node's own log has the stack
            error = repr(raised)
        return {"file": done.file, "seconds": done.seconds, **asdict(done.counts), "error": error}


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
                if row["error"]:
                    raise ClusterFailed(row["error"])
                counts = Counts(row["images"], row["failed"], row["flagged"], row["unread"])
                yield Finished(row["file"], counts, row["seconds"])
        except (ray.exceptions.RayError, ConnectionError) as error:
            raise ClusterFailed(_reason(error)) from error
        finally:
            ray.shutdown()

    def _connect(self, ray: Any) -> None:
        if self.address:
            check_address(self.address)
        own = {"num_cpus": self.cores, "include_dashboard": False}
        on_stop = signal.getsignal(signal.SIGTERM)
        ray.init(
            address=self.address or "local",
            logging_level=logging.ERROR,
            log_to_driver=False,
            **({} if self.address else own),
        )
        # Ray has put its own in its place, which ends with a stack and the signal's number.
        signal.signal(signal.SIGTERM, on_stop)

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


def check_address(address: str) -> None:
    """Raise UsageError for what is no HOST:PORT, ClusterFailed where nobody listens.

    Ray itself asks an address without an end at which there is no cluster.
    """
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdecimal() or not 0 < int(port) <= MOST_PORT:
        raise UsageError(f"--address {address}: give HOST:PORT, like head.example:6379")
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS).close()
    except OSError as error:
        raise ClusterFailed(f"no Ray cluster at {address}: {what_it_says(error)}") from error


def _reason(error: BaseException) -> str:
    """Return the last of what Ray said, which follows a stack."""
    return f"Ray: {str(error).strip().splitlines()[-1] if str(error).strip() else error!r}"
