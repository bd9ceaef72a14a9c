"""Whose pictures these are: people.csv beside the class folders, and the split by person.

Pictures of one person are near-copies: the same floor, light and wardrobe. A split by picture
would measure how well a network knows them again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fashion_model.dataset.description import DataError
from fashion_model.dataset.tables import Table

PEOPLE_FILE = "people.csv"
_COLUMNS = ("image", "person")
SPLIT_SEED = 20_201_015  # one split for everybody; the folds are the parameter


@dataclass(frozen=True)
class Fold:
    """Part ``number`` (from 1) of ``count`` parts that no person is in two of."""

    number: int
    count: int

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"


def read_people(folder: Path, pictures: Sequence[Path]) -> NDArray[np.int64] | None:
    """Return a number for the person of each picture [N]; None where there is no people.csv.

    Raises:
        DataError: the table cannot be read, or has no line for a picture.
    """
    table = folder / PEOPLE_FILE
    if not table.is_file():
        return None
    listed = Table(table)
    image, person = (listed.column(name) for name in _COLUMNS)
    owners = {row[image]: row[person] for row in listed.rows}
    names = [path.relative_to(folder).as_posix() for path in pictures]
    absent = [name for name in names if not owners.get(name)]
    if absent:
        raise DataError(f"{table}: does not say whose picture {absent[0]} is"
                        f" ({len(absent)} of {len(names)} are not in it)")  # fmt: skip
    _, numbers = np.unique([owners[name] for name in names], return_inverse=True)
    return numbers.astype(np.int64)


def person_folds(
    labels: NDArray[np.int64], people: NDArray[np.int64], count: int
) -> NDArray[np.int64]:
    """Return the fold 0 to count - 1 of each picture [N]: a person's pictures are in one fold.

    The folds have each class in about the same share.

    Raises:
        DataError: fewer people than folds.
    """
    # A second to load; only training and measuring photographs need it.
    from sklearn.model_selection import StratifiedGroupKFold

    if len(np.unique(people)) < count:
        raise DataError(f"{len(np.unique(people))} people do not make {count} folds")
    cut = StratifiedGroupKFold(count, shuffle=True, random_state=SPLIT_SEED)
    folds = np.empty(len(labels), np.int64)
    for number, (_, inside) in enumerate(cut.split(labels, labels, people)):
        folds[inside] = number
    return folds
