"""Images of a partition ↔ its Parquet file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Self

from scoring.protocol.signature import Signature
from scoring.records.rows import ResultRow, ScoredImage

# Column → its type. Names and messages as the ledger has them; sha256 is empty where the file
# could not be read, what the model saw is null where there is an error.
COLUMNS = {
    "num": "int64",
    "batch": "string",
    "path": "string",
    "sha256": "string",
    "label": "string",
    "confidence": "float64",
    "review": "string",
    "error": "string",
    "second": "string",
    "second_confidence": "float64",
    "outlier_score": "float64",
    "brightness": "float64",
    "contrast": "float64",
    "foreground": "float64",
    "model": "string",
    "version": "string",
}
SHOWN = (
    *("num", "batch", "path", "label", "confidence", "review", "error", "second"),
    "second_confidence",
)


@dataclass(frozen=True)
class Counts:
    """How many images a partition has; those with an error, those to look at again.

    ``unread`` are those of the ones with an error whose file could not be read: next time it may.
    """

    images: int = 0
    failed: int = 0
    flagged: int = 0
    unread: int = 0

    def __add__(self, other: Self) -> Self:
        return type(self)(
            self.images + other.images,
            self.failed + other.failed,
            self.flagged + other.flagged,
            self.unread + other.unread,
        )


def counts_of(images: Sequence[ScoredImage]) -> Counts:
    """Count the images of a partition."""
    failed = sum(image.error is not None for image in images)
    flagged = sum(image.review is not None for image in images)
    return Counts(len(images), failed, flagged, sum(not image.content_hash for image in images))


def encode(batch: str, model: Signature, images: Sequence[ScoredImage]) -> bytes:
    """Return the Parquet file of a partition; the same images make the same bytes."""
    import pyarrow as pa  # optional: requirements-cluster.txt
    import pyarrow.parquet as pq

    rows = [_values(batch, model, image) for image in images]
    schema = pa.schema([(name, pa.type_for_alias(kind)) for name, kind in COLUMNS.items()])
    columns: list[Sequence[Any]] = list(zip(*rows, strict=True)) or [()] * len(COLUMNS)
    arrays = [pa.array(column, one.type) for column, one in zip(columns, schema, strict=True)]
    target = BytesIO()
    pq.write_table(pa.table(arrays, schema=schema), target, compression="zstd")
    return target.getvalue()


def decode(content: bytes) -> Iterator[ResultRow]:
    """Yield a partition's rows as Results.csv shows them; raises ValueError for a damaged file."""
    table = _table(content, SHOWN)
    return map(ResultRow, *(table.column(name).to_pylist() for name in SHOWN))


def count(content: bytes) -> Counts:
    """Count the images of a partition's file; raises ValueError for a damaged one."""
    table = _table(content, ("review", "error", "sha256"))
    review, error = (len(table) - table.column(name).null_count for name in ("review", "error"))
    unread = table.column("sha256").to_pylist().count("")
    return Counts(len(table), error, review, unread)


def _table(content: bytes, columns: Sequence[str]) -> Any:
    import pyarrow.parquet as pq  # optional: requirements-cluster.txt

    try:
        # A process that ends while Arrow starts its threads is aborted, one time in five.
        return pq.ParquetFile(BytesIO(content)).read(columns=list(columns), use_threads=False)
    except OSError as error:
        raise ValueError(str(error)) from error


def _values(batch: str, model: Signature, image: ScoredImage) -> tuple[Any, ...]:
    return (
        image.num, batch, image.path, image.content_hash, image.label, image.confidence,
        image.review, image.error, image.second_label, image.second_confidence,
        image.outlier_score, image.brightness, image.contrast, image.foreground,
        model.name, model.version,
    )  # fmt: skip
