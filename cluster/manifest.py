"""What ``--out`` holds: of which folder, by which model, within which limits.

It is written before the first partition. Who comes back to it goes on only with the same.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import Self

from cluster.errors import OtherRun

MANIFEST_FILE = "_manifest.json"  # those who read the folder as one table pass over it
FORMAT = 1


@dataclass(frozen=True)
class Manifest:
    """What decides the rows of a partition, beside the images themselves."""

    batch: str
    source: str
    model: str
    version: str
    partition_rows: int
    max_file_bytes: int
    max_image_pixels: int
    file_seconds: float
    format: int = FORMAT

    def as_json(self) -> bytes:
        """Return the file's content."""
        return json.dumps(asdict(self), indent=2).encode() + b"\n"

    @classmethod
    def from_json(cls, content: bytes) -> Self:
        """Read a file's content; raises OtherRun for what this program has not written."""
        try:
            document = json.loads(content)
            values = {field.name: document[field.name] for field in fields(cls)}
        except (ValueError, KeyError, TypeError) as error:
            raise OtherRun(
                f"{MANIFEST_FILE} in --out cannot be read ({error!r}): name another folder,"
                " or score all anew with --fresh"
            ) from error
        return cls(**values)

    def check_same(self, there: Self) -> None:
        """Raise OtherRun where ``--out`` was made with something else, naming all of it."""
        ours, theirs = asdict(self), asdict(there)
        other = [
            f"{name} {_short(theirs[name])}, not {_short(ours[name])}"
            for name in ours
            if ours[name] != theirs[name]
        ]
        if other:
            raise OtherRun(
                f"--out holds another run's partitions ({'; '.join(other)}): name another folder,"
                " or score all anew with --fresh"
            )


def _short(value: object) -> str:
    text = str(value)
    return f"{text[:12]}…" if len(text) == 64 else text
