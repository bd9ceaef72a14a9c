"""In which order pictures wait: most uncertain first, near-copies apart, the audited among them.

The order is made of all pictures of the last days, those that are judged already too: so none
changes its place when others leave. Pure functions.

That a picture stands in the audit sample can be told neither from its place nor from what it is
asked for by: it takes a place among the flagged ones by a hash, and stands for a reason that is one
of theirs.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cache

from msgspec import Struct

from scoring.protocol.errors import BadRequest
from scoring.protocol.prediction import split_reasons
from scoring.records.reviews import PictureKey
from scoring.records.waiting import Candidate

# Of so many pictures in a row no two are alike: more than are fetched ahead.
APART = 8
# Of 64 bits that tell how light runs over a picture; copies, brighter or cut a little, differ less.
ALIKE_BITS = 6
# A picture is put off past so many others at most.
LONGEST_DELAY = 40
FAILED = "failed"
NO_REASON = "unflagged"


class Item(Struct, frozen=True):
    """A picture in the queue; ``id`` is what the pages call it, ``near`` a hash of how it looks.

    ``reasons`` is what it can be asked for by.
    """

    id: str
    candidate: Candidate
    near: int | None
    reasons: tuple[str, ...]


def picture_id(picture: PictureKey) -> str:
    """Return what the pages call a picture: its key, in letters that any form takes as they are."""
    key = [picture.batch, picture.path, picture.content_hash]
    return base64.urlsafe_b64encode(json.dumps(key).encode("ascii")).decode("ascii")


def picture_of(id_: str) -> PictureKey:
    """Return the picture that is called so; raises BadRequest where none can be."""
    try:
        key = json.loads(base64.b64decode(id_, b"-_", validate=True))
    except (ValueError, RecursionError):
        key = None
    if not isinstance(key, list) or len(key) != 3 or not all(isinstance(one, str) for one in key):
        raise BadRequest("there is no such picture", code="unknown_picture")
    return PictureKey(*key)


def in_order(found: Iterable[tuple[Candidate, int | None]]) -> list[Item]:
    """Return candidates, each with how it looks, in the order in which they are shown.

    An audited one has the reason of a flagged one, of the same model where that has any.
    """
    items = [Item(picture_id(one.picture), one, near, ()) for one, near in found]
    asked = sorted((one for one in items if one.candidate.wants_a_person), key=_uncertainty)
    drawn = [one for one in items if not one.candidate.wants_a_person]
    by_model = defaultdict[str, list[Item]](list)
    for one in asked:
        by_model[one.candidate.model_version].append(one)
    placed = [((place + 0.5) / len(asked), _asked_for(one)) for place, one in enumerate(asked)]
    for one in drawn:
        others = by_model.get(one.candidate.model_version, asked)
        placed.append((_share(one.id), _in_disguise(one, others)))
    placed.sort(key=lambda one: (one[0], one[1].id))
    return list(_apart([item for _, item in placed]))


def _uncertainty(item: Item) -> tuple[float, str]:
    """What could not be named at all comes first."""
    confidence = item.candidate.confidence
    return (-1.0 if confidence is None else confidence, item.id)


def _share(id_: str) -> float:
    """Return a number from 0 to 1 that has nothing to do with what is seen of a picture."""
    digest = hashlib.blake2b(id_.encode("ascii"), digest_size=7, person=b"place").digest()
    return int.from_bytes(digest, "big") / 2**56


def _asked_for(item: Item) -> Item:
    return Item(item.id, item.candidate, item.near, _reasons(item.candidate.flagged))


@cache
def _reasons(flagged: str | None) -> tuple[str, ...]:
    return tuple(split_reasons(flagged)) or (FAILED,)


def _in_disguise(item: Item, others: Sequence[Item]) -> Item:
    """Give an audited picture the reason of one of some flagged ones."""
    if not others:
        return Item(item.id, item.candidate, item.near, (NO_REASON,))
    other = others[int(_share(f"{item.id}reason") * len(others))]
    return Item(item.id, item.candidate, item.near, _asked_for(other).reasons)


def _apart(items: Sequence[Item]) -> Iterator[Item]:
    """Yield items with those that look alike put off, where there are others to show meanwhile."""
    latest: list[int | None] = []
    put_off: list[Item] = []
    for item in items:
        put_off.append(item)
        gap, place = _widest_gap(put_off, latest)
        if gap == APART or len(put_off) > LONGEST_DELAY:
            yield _shown(put_off.pop(place), latest)
    while put_off:
        yield _shown(put_off.pop(_widest_gap(put_off, latest)[1]), latest)


def _widest_gap(items: Sequence[Item], latest: Sequence[int | None]) -> tuple[int, int]:
    """Return how far back the like of some item is at most, and that item's place."""
    widest = (-1, 0)
    for place, item in enumerate(items):
        gap = _gap(item, latest)
        if gap == APART:
            return gap, place
        if gap > widest[0]:
            widest = (gap, place)
    return widest


def _gap(item: Item, latest: Sequence[int | None]) -> int:
    for back, other in enumerate(reversed(latest)):
        if _alike(item.near, other):
            return back
    return APART


def _alike(one: int | None, other: int | None) -> bool:
    """Tell whether one would be taken for the other; what nothing is known of is like none."""
    return one is not None and other is not None and (one ^ other).bit_count() <= ALIKE_BITS


def _shown(item: Item, latest: list[int | None]) -> Item:
    latest.append(item.near)
    del latest[:-APART]
    return item
