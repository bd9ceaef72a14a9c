"""What a listing came by and did not take: by kind, and by name where it could not be read."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping

from msgspec import Struct, field

# Names and kinds that one event has room for.
NAMED = 20
LONGEST_NAME = 200
LONGEST_SUFFIX = 12
COUNTABLE = frozenset({"link", "pipe", "socket", "device"})


class LeftOut(Struct):
    """Counts of what is no image, of litter, and of what could not be read.

    ``kinds``: ".txt" or "link" → how many; ``litter``: pattern → how many; ``reasons``: why
    something could not be read → how often, ``unreadable`` the first of those paths.
    """

    kinds: Counter[str] = field(default_factory=Counter)
    litter: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    unreadable: list[str] = field(default_factory=list)

    def add_unreadable(self, path: bytes, error: OSError) -> None:
        """Count a folder or file that the system does not let us read, and name the first ones."""
        self.reasons[error.strerror or str(error)] += 1
        if len(self.unreadable) < NAMED:
            self.unreadable.append(_shortened(os.fsdecode(path)))

    def tell_kinds(self) -> str:
        """Return what is no image, like "3 .txt, 1 link"."""
        return told(self.kinds)

    def tell_litter(self) -> str:
        """Return the litter, like "12 @eaDir, 1 Thumbs.db*"."""
        return told(self.litter)

    def tell_unreadable(self) -> str:
        """Return why what could not be read, like "2 Permission denied: a, b"; empty for none."""
        if not self.reasons:
            return ""
        more = self.reasons.total() - len(self.unreadable)
        names = ", ".join(self.unreadable) + (f" and {more} more" if more else "")
        return f"{told(self.reasons)}: {names}"


def told(counts: Mapping[str, int]) -> str:
    """Return counts in words, the largest first, at most ``NAMED`` of them."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    parts = [
        f"{count} {what}" + "s" * (count > 1 and what in COUNTABLE)
        for what, count in ordered[:NAMED]
    ]
    rest = sum(count for _, count in ordered[NAMED:])
    return ", ".join(parts + [f"{rest} others"] * bool(rest))


def kind_by_name(name: str) -> str:
    """Return the kind of a file that is no image: its suffix, where that is one."""
    suffix = os.path.splitext(name)[1].lower()
    if not suffix:
        return "without suffix"
    return suffix if len(suffix) <= LONGEST_SUFFIX else "of a long suffix"


def _shortened(path: str) -> str:
    """The end of a long path tells more than its middle."""
    if len(path) <= LONGEST_NAME:
        return path
    half = LONGEST_NAME // 2
    return f"{path[:half]}…{path[-half:]}"
