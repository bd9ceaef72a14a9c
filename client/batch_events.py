"""What Events-log.txt is told of one batch: what was left out, what failed, what waits."""

from __future__ import annotations

from client.retry_policy import reason
from scoring.batches.image_folder import ImageList
from scoring.records.events_log import EventsLog, Level

# Single images are events up to this many a batch; Results.csv names them all.
TOLD = 20


class BatchEvents:
    """Tells of one batch within a run; of many images the first, then how many there were."""

    def __init__(self, events: EventsLog, run_id: str, batch: str) -> None:
        self._events = events
        self._run_id = run_id
        self._batch = batch
        self._failed = 0
        self._left = 0

    def listing(self, images: ImageList, *, is_expected: bool) -> str:
        """Say what in its folder is no image; return what could not be looked at, if anything."""
        left_out = images.left_out
        if not images and is_expected:
            # An empty folder and a share that is not mounted look the same.
            self.tell("WARNING", "batch-empty", "there are no images in it")
        if left_out.kinds:
            self.tell("WARNING", "files-skipped", f"not images: {left_out.tell_kinds()}")
        if left_out.litter:
            self.tell("INFO", "litter-left-out", f"litter: {left_out.tell_litter()}")
        unreadable = left_out.tell_unreadable()
        if unreadable:
            self.tell("WARNING", "files-unreadable", unreadable)
        return unreadable

    def image_failed(self, path: str, error: str) -> None:
        """Tell of an image that got an error in place of a score."""
        self._failed += 1
        if self._failed <= TOLD:
            self.tell("WARNING", "image-failed", f"{path}: {error}")

    def image_left(self, path: str, why: str) -> None:
        """Tell of an image that is left for the next run."""
        self._left += 1
        if self._left <= TOLD:
            self.tell("WARNING", "image-left", f"left for the next run: {path}: {why}")

    def chunk_failed(self, error: Exception) -> None:
        """Tell of images that were under way when the batch ended."""
        text = f"a chunk that was under way at the end was not scored: {error}"
        self.tell("WARNING", "chunk-failed", text)

    def try_failed(self, error: BaseException) -> None:
        """Tell of a try that failed; another one follows."""
        self.tell("WARNING", "retry", f"{reason(error)}; trying again")

    def finish(self) -> None:
        """Tell how many images were not told of one by one."""
        if self._failed > TOLD:
            text = f"{self._failed - TOLD} more images failed; Results.csv names them"
            self.tell("WARNING", "images-failed", text)
        if self._left > TOLD:
            text = f"{self._left - TOLD} more images are left for the next run"
            self.tell("WARNING", "images-left", text)

    def tell(self, level: Level, code: str, message: str) -> None:
        """Write one event of this batch."""
        self._events.write(level, code, message, run=self._run_id, batch=self._batch)
