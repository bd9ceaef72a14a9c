"""Templates of pages, compiled once: beside their sources, as Python keeps its own bytecode."""

from __future__ import annotations

import marshal
import sys
from contextlib import suppress
from importlib.util import MAGIC_NUMBER
from pathlib import Path

import jinja2
from jinja2.bccache import Bucket

from scoring.records.atomic_file import replacing


class CompiledTemplates(jinja2.BytecodeCache):
    """Keeps what Jinja compiles of a folder's templates in ``__pycache__`` there.

    Whoever may not write there, or whom Python was told to leave no bytecode, compiles anew each
    time. What is kept counts for the same source, Python and Jinja only. One environment a
    folder: its options go into the code.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "__pycache__"

    def load_bytecode(self, bucket: Bucket) -> None:
        """Take what is kept of a template, if it is of this source."""
        head = _head(bucket)
        with suppress(OSError, EOFError, ValueError, TypeError):
            kept = self._file(bucket).read_bytes()
            if kept.startswith(head):
                bucket.code = marshal.loads(kept[len(head) :])

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep a template that was compiled."""
        if sys.dont_write_bytecode:
            return
        with suppress(OSError), replacing(self._file(bucket)) as part:
            part.write_bytes(_head(bucket) + marshal.dumps(bucket.code))

    def _file(self, bucket: Bucket) -> Path:
        return self._folder / f"{bucket.key}.{sys.implementation.cache_tag}.jinja"


def _head(bucket: Bucket) -> bytes:
    """Return what code of this source begins with: the versions, and the source's checksum."""
    return MAGIC_NUMBER + f"{jinja2.__version__} {bucket.checksum}\n".encode()
