"""TIFF 6.0 and BigTIFF: a directory of tags; read the first one, write one that holds less."""

import struct
from collections.abc import Mapping, Sequence

from msgspec import Struct

from scoring.preprocessing.errors import TooMuchWork, TruncatedImage

_WHOLE_NUMBERS = {
    1: "B",
    3: "H",
    4: "I",
    6: "b",
    8: "h",
    9: "i",
    13: "I",
    16: "Q",
    17: "q",
    18: "Q",
}
_OTHERS = (2, 5, 7, 10, 11, 12)  # texts, fractions, bytes without a meaning, floating point
_LONG, _LONG8 = 4, 16
_MAX_TAGS = 4_096  # libtiff reads no more; files of any program have some dozens


class Layout(Struct, frozen=True):
    """How wide the numbers of this file are."""

    endian: str
    big: bool

    @property
    def word(self) -> str:
        return "Q" if self.big else "I"

    @property
    def word_bytes(self) -> int:
        return 8 if self.big else 4

    @property
    def entry_bytes(self) -> int:
        return 20 if self.big else 12

    def unpack(self, codes: str, data: bytes, at: int) -> tuple[int, ...]:
        return struct.unpack_from(self.endian + codes, data, at)

    def pack(self, codes: str, *values: int) -> bytes:
        return struct.pack(self.endian + codes, *values)


class Directory:
    """The tags of one page; of a tag that stands there twice the first counts, as in libtiff."""

    def __init__(self, data: bytes, at: int | None = None) -> None:
        """Read the directory at a place, else the first. Raises TruncatedImage, TooMuchWork."""
        self._data = data
        self.layout = Layout("<" if data.startswith(b"II") else ">", b"+" in data[2:4])
        try:
            self._entries, self.next = self._read(at)
        except (struct.error, OverflowError):
            raise TruncatedImage("TIFF ends before its directory") from None

    def _read(self, at: int | None) -> tuple[dict[int, int], int]:
        """Return where each tag's entry is, and where the next page's directory."""
        layout, data = self.layout, self._data
        if at is None:
            (at,) = layout.unpack(layout.word, data, layout.word_bytes)
        counted = "Q" if layout.big else "H"
        (count,) = layout.unpack(counted, data, at)
        if count > _MAX_TAGS:
            raise TooMuchWork(f"TIFF of more than {_MAX_TAGS:,} tags")
        start = at + struct.calcsize("=" + counted)
        end = start + count * layout.entry_bytes
        entries: dict[int, int] = {}
        for entry in range(start, end, layout.entry_bytes):
            entries.setdefault(layout.unpack("H", data, entry)[0], entry)
        # The very last bytes of a file may be missing where they only say "no further page".
        following = data[end : end + layout.word_bytes].ljust(layout.word_bytes, b"\0")
        if end > len(data):
            raise TruncatedImage("TIFF ends before its directory")
        return entries, layout.unpack(layout.word, following, 0)[0]

    def __contains__(self, tag: int) -> bool:
        return tag in self._entries

    def number(self, tag: int, default: int) -> int:
        """Return a tag's first number, or the default where there is none that makes sense."""
        numbers = self.numbers(tag, at_most=1)
        return numbers[0] if numbers and numbers[0] >= 0 else default

    def numbers(self, tag: int, at_most: int) -> tuple[int, ...]:
        """Return up to `at_most` of a tag's numbers, none where they are no whole numbers."""
        entry = self._entries.get(tag)
        if entry is None:
            return ()
        layout = self.layout
        kind, count = layout.unpack("H" + layout.word, self._data, entry + 2)
        code = _WHOLE_NUMBERS.get(kind)
        if code is None:
            return ()
        at = entry + 4 + layout.word_bytes
        if struct.calcsize("=" + code) * count > layout.word_bytes:
            (at,) = layout.unpack(layout.word, self._data, at)
        try:
            return layout.unpack(f"{min(count, at_most)}{code}", self._data, at)
        except (struct.error, OverflowError):
            return ()

    def bytes_of(self, tag: int) -> bytes:
        """Return what a tag without numbers holds, as far as it lies in the file."""
        entry = self._entries.get(tag)
        if entry is None:
            return b""
        layout = self.layout
        count, at = layout.unpack(layout.word * 2, self._data, entry + 4)
        inside = count <= layout.word_bytes
        start = entry + 4 + layout.word_bytes if inside else at
        return self._data[start : start + count]

    @property
    def has_unknown_types(self) -> bool:
        """Tell whether an entry is of a type that TIFF does not have: it may be no directory."""
        types = {self.layout.unpack("H", self._data, at + 2)[0] for at in self._entries.values()}
        return not types.issubset({*_WHOLE_NUMBERS, *_OTHERS})

    def only(self, tags: frozenset[int], tables: Mapping[int, Sequence[int]]) -> bytes:
        """Return the file with a first directory of these tags and tables of numbers, and no next.

        The tables replace the tags of the same name; all else stays where it is.
        """
        layout = self.layout
        kept = {
            tag: self._data[entry : entry + layout.entry_bytes]
            for tag, entry in self._entries.items()
            if tag in tags
        }
        parts = [self._data + bytes(-len(self._data) % 8)]
        for tag, numbers in tables.items():
            kept[tag], outside = self._table(tag, numbers, sum(map(len, parts)))
            parts.append(outside + bytes(-len(outside) % 8))
        at = layout.pack(layout.word, sum(map(len, parts)))
        head = 2 * layout.word_bytes
        parts[0] = parts[0][: layout.word_bytes] + at + parts[0][head:]
        parts.append(layout.pack("Q" if layout.big else "H", len(kept)))
        return b"".join((*parts, *(kept[tag] for tag in sorted(kept)), bytes(layout.word_bytes)))

    def _table(self, tag: int, numbers: Sequence[int], at: int) -> tuple[bytes, bytes]:
        """Return an entry for some numbers, and what stands outside of it, at `at`."""
        layout = self.layout
        kind = _LONG8 if layout.big else _LONG
        values = layout.pack(f"{len(numbers)}{layout.word}", *numbers)
        head = layout.pack("HH" + layout.word, tag, kind, len(numbers))
        if len(values) <= layout.word_bytes:
            return head + values.ljust(layout.word_bytes, b"\0"), b""
        return head + layout.pack(layout.word, at), values
