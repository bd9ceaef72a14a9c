"""What a person sees while a run works: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

LINE_EVERY_SECONDS = 10.0
# Columns of a batch's name beside its bar: on a terminal of 60 there is room for the count.
NAME_COLUMNS = 24
# Terminals that cannot move their cursor show no bar.
PLAIN_TERMINALS = ("dumb", "unknown")


class ProgressView(Protocol):
    """Shows how far a batch is."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def start_batch(self, name: str, images: int) -> None:
        """Show a batch of so many images, none of them done."""

    def advance(self, images: int) -> None:
        """Add images of the present batch that are done."""


def progress_view() -> ProgressView:
    """Return the view that fits where stdout goes."""
    moves = sys.stdout.isatty() and os.environ.get("TERM", "").lower() not in PLAIN_TERMINALS
    return TerminalProgress() if moves else PlainProgress()


class PlainProgress:
    """A line when a batch starts and ends, and every ten seconds between."""

    def __init__(self) -> None:
        self._name = ""
        self._total = self._done = 0
        self._spoken = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def start_batch(self, name: str, images: int) -> None:
        self._name, self._total, self._done = name, images, 0
        self._speak()

    def advance(self, images: int) -> None:
        self._done += images
        if self._done == self._total or time.monotonic() - self._spoken > LINE_EVERY_SECONDS:
            self._speak()

    def _speak(self) -> None:
        self._spoken = time.monotonic()
        sys.stdout.write(f"{self._name}: {self._done} of {self._total} images\n")
        sys.stdout.flush()


class TerminalProgress:
    """A bar that moves."""

    def __init__(self) -> None:
        # Imported here because a run without a terminal has no use for it.
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )
        from rich.table import Column

        name = Column(no_wrap=True, overflow="ellipsis", max_width=NAME_COLUMNS)
        # The bar takes what a narrow terminal leaves it; the count is what is read.
        self._progress: Progress = Progress(
            TextColumn("{task.description}", table_column=name),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            "images",
            TimeRemainingColumn(),
            expand=True,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def start_batch(self, name: str, images: int) -> None:
        from rich.markup import escape

        self._task = self._progress.add_task(escape(name), total=images)

    def advance(self, images: int) -> None:
        if self._task is not None:
            self._progress.advance(self._task, images)
