"""Everybody who takes part, in the order of the table."""

from __future__ import annotations

from benchmarks.bench.contenders.ours import OURS
from benchmarks.bench.contenders.peers import PEERS
from benchmarks.bench.contenders.plain import PLAIN
from benchmarks.bench.contract import Contender

ALL: tuple[Contender, ...] = (*PLAIN[:1], *OURS, *PEERS, *PLAIN[1:])
"""The floor comes first: everybody's labels are held against its."""


def chosen(keys: list[str]) -> list[Contender]:
    """Return those with these keys (all where there is none), the floor always.

    Raises ValueError for a key that is nobody's; it names the keys there are.
    """
    known = [contender.key for contender in ALL]
    if strangers := sorted(set(keys) - set(known)):
        raise ValueError(f"no contender {', '.join(strangers)}; there are: {', '.join(known)}")
    return [one for one in ALL if not keys or one.key in keys or one.key == ALL[0].key]
