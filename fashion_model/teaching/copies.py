"""Near-copies among photographs: what shows the same must not vouch for itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from fashion_model.teaching.photographs import THUMBNAIL, Photographs
from fashion_model.teaching.sources import CannotTeach, LabelledFile

Pairs = NDArray[np.int64]
# Measured on 4,172 photographs of clothes and copies of 60 of them. Saved again, made smaller,
# lighter or darker, a picture keeps its thumbnail (0.986 and more); cut by some percent, it keeps
# its features (cosine 0.9) and most of its thumbnail. Of different people's pictures one pair in
# nine million was taken for a copy, and it was one.
SAME_THUMBNAIL, THEN_FEATURES = 0.985, 0.6
SAME_FEATURES, THEN_THUMBNAIL = 0.9, 0.85
AT_ONCE = 512  # rows
# A class of which that share lies in another one, too, is no class of its own.
COPIED_SHARE = 0.9
# Groups of pictures a class needs for anything to be told of it from unseen ones.
FEWEST_GROUPS = 3


def near_copies(photographs: Photographs) -> Pairs:
    """Return the pairs of pictures that show the same, int64 [M, 2], the smaller index first.

    A mirror image is a copy, too.
    """
    thumbnails = photographs.thumbnails
    mirrored = _mirrored(thumbnails)
    lengths = np.linalg.norm(photographs.features, axis=1, keepdims=True)
    directions = photographs.features / np.maximum(lengths, 1e-12)
    found = [np.empty((0, 2), np.int64)]
    for start in range(0, len(photographs), AT_ONCE):
        rows = slice(start, start + AT_ONCE)
        alike = np.maximum(thumbnails[rows] @ thumbnails.T, thumbnails[rows] @ mirrored.T)
        cosine = directions[rows] @ directions.T
        same = (alike >= SAME_THUMBNAIL) & (cosine >= THEN_FEATURES)
        cut = (alike >= THEN_THUMBNAIL) & (cosine >= SAME_FEATURES)
        first, second = np.nonzero(same | cut)
        pairs = np.stack([first + start, second], axis=1)
        found.append(pairs[pairs[:, 0] < pairs[:, 1]])
    return np.concatenate(found)


def groups_by_thumbnail(thumbnails: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return a number for each picture that those with the same thumbnail [N, 256] share.

    Stricter than ``near_copies``: of small pictures features tell nothing more.
    """
    mirrored = _mirrored(thumbnails)
    pairs = [np.empty((0, 2), np.int64)]
    for start in range(0, len(thumbnails), AT_ONCE):
        rows = thumbnails[start : start + AT_ONCE]
        alike = np.maximum(rows @ thumbnails.T, rows @ mirrored.T) >= SAME_THUMBNAIL
        pairs.append(np.argwhere(alike) + np.array((start, 0)))
    return _components(len(thumbnails), np.concatenate(pairs))


def _mirrored(thumbnails: NDArray[np.float32]) -> NDArray[np.float32]:
    sides = thumbnails.reshape(-1, THUMBNAIL, THUMBNAIL)
    return np.ascontiguousarray(sides[:, :, ::-1]).reshape(thumbnails.shape)


def same_contents(photographs: Photographs) -> Pairs:
    """Return the pairs (first, later) of files with the same bytes, int64 [M, 2]."""
    first: dict[str, int] = {}
    pairs = []
    for place, digest in enumerate(photographs.digests):
        if first.setdefault(digest, place) != place:
            pairs.append((first[digest], place))
    return np.array(pairs, np.int64).reshape(-1, 2)


def refuse_copied_classes(photographs: Photographs, pairs: Pairs) -> None:
    """Raise CannotTeach for a class whose pictures lie in other classes, too."""
    classes = photographs.classes
    sizes = np.bincount(classes, minlength=len(photographs.labels))
    elsewhere: dict[int, dict[int, int]] = {}
    for first, second in pairs:
        for own, other in ((first, second), (second, first)):
            if classes[own] != classes[other]:
                elsewhere.setdefault(int(classes[own]), {})[int(own)] = int(classes[other])
    for one, places in sorted(elsewhere.items()):
        if len(places) >= COPIED_SHARE * sizes[one]:
            ((other, _),) = Counter(places.values()).most_common(1)
            raise CannotTeach(
                f"class {photographs.labels[one]!r} is a copy: {len(places)} of its {sizes[one]}"
                f" pictures lie in {photographs.labels[other]!r} as well; remove one of the two"
            )


def once_each(photographs: Photographs) -> tuple[Photographs, list[str]]:
    """Return the pictures with each content once, and in words what was left out.

    What lies in two classes is in neither: one of the two is wrong, and nobody says which.
    """
    pairs = same_contents(photographs)
    classes = photographs.classes
    contradictory = {
        photographs.digests[first] for first, later in pairs if classes[first] != classes[later]
    }
    seen = set(contradictory)
    keep = []
    for place, digest in enumerate(photographs.digests):
        if digest not in seen:
            keep.append(place)
            seen.add(digest)
    notes = []
    for digest in sorted(contradictory):
        files = [f for f, d in zip(photographs.files, photographs.digests, strict=True)
                 if d == digest]  # fmt: skip
        notes.append(f"left out, for it lies in several classes: {_named(files)}")
    repeated = sum(classes[first] == classes[later] for first, later in pairs)
    if repeated:
        notes.append(f"{repeated} files are there twice, byte by byte, and count once")
    return photographs.take(np.array(keep, np.int64)), notes


def _named(files: Sequence[LabelledFile]) -> str:
    return " and ".join(f"{file.path.name} ({file.label})" for file in files)


def group_pictures(photographs: Photographs, pairs: Pairs) -> tuple[NDArray[np.int64], list[str]]:
    """Return the group of each picture, int64 [N], and in words where people were not heeded.

    Pictures of one group are near-copies of one another, or of one person where that is known:
    they are learnt from together or measured together.

    Raises:
        CannotTeach: a class of which all pictures are near-copies of one another.
    """
    classes = photographs.classes
    owners = np.array([file.group for file in photographs.files])
    copies_only = _components(len(photographs), pairs)
    groups = _components(len(photographs), np.concatenate([pairs, _chains(owners)]))
    few = [k for k in range(len(photographs.labels)) if _count(groups, classes, k) < FEWEST_GROUPS]
    for k in few:
        if _count(copies_only, classes, k) < FEWEST_GROUPS:
            raise CannotTeach(
                f"class {photographs.labels[k]!r}: all its pictures are near-copies of one"
                " another; it needs pictures of different things"
            )
    if few:
        alone = np.where(np.isin(classes, few), "", owners)
        groups = _components(len(photographs), np.concatenate([pairs, _chains(alone)]))
    return groups, [
        f"{photographs.labels[k]}: by fewer than {FEWEST_GROUPS} people, who are learnt from and"
        " measured with alike: its figures flatter"
        for k in few
    ]


def _components(count: int, pairs: Pairs) -> NDArray[np.int64]:
    graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1], np.int64)


def _chains(owners: NDArray[np.str_]) -> Pairs:
    """Return pairs that join each owner's pictures one after another; "" owns nothing."""
    order = np.argsort(owners, kind="stable")
    pairs = np.stack([order[:-1], order[1:]], axis=1)
    same = (owners[pairs[:, 0]] == owners[pairs[:, 1]]) & (owners[pairs[:, 0]] != "")
    return np.asarray(pairs[same], np.int64)


def _count(groups: NDArray[np.int64], classes: NDArray[np.int64], one: int) -> int:
    return len(np.unique(groups[classes == one]))
