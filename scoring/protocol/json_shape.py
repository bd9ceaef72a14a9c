"""How deep a JSON text is nested and what parsing it would cost, told before it is parsed.

No recursion and no loop over bytes: 0.3 ms for a megabyte, a fraction of what parsing takes.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct

QUOTE = 2
# Everything but brackets and quotes is deleted, so that these are the steps down and up, and no
# sign is looked at by Python.
STEPS = {ord("["): 1, ord("{"): 1, ord("]"): 0xFF, ord("}"): 0xFF, ord('"'): QUOTE}
TO_STEPS = bytes(STEPS.get(byte, 0) for byte in range(256))
OTHER_BYTES = bytes(byte for byte in range(256) if byte not in STEPS)
# How the pixels of our client's own form begin, and how far in front they stand.
BLOCK = b'"data":"'
BLOCK_WITHIN = 100_000


class JsonShape(Struct, frozen=True):
    """How many arrays and objects are open at the deepest place, and how many there are in all."""

    depth: int
    containers: int


def json_shape(text: bytes) -> JsonShape:
    """Return the shape of a JSON text. Brackets inside strings do not count.

    Of a text that is not JSON the numbers mean nothing.
    """
    bare = _without_escapes(without_block(text))
    steps = np.frombuffer(bare.translate(TO_STEPS, OTHER_BYTES), dtype=np.int8)
    quotes = steps == QUOTE
    in_string = np.bitwise_xor.accumulate(quotes) | quotes
    steps = np.where(in_string, np.int8(0), steps)
    levels = np.cumsum(steps, dtype=np.int32)
    return JsonShape(int(levels.max(initial=0)), int((steps > 0).sum()))


def parsed_bytes(text: bytes) -> int:
    """Return about how many bytes a JSON text takes once it is parsed, not less.

    Its letters may come to take four bytes each; then a list has a place for each value and a
    number is an object, and so are each list and each string; an object has a place and a name
    for each value.
    """
    frame = without_block(text)
    containers, names = frame.count(b"[") + frame.count(b"{"), frame.count(b":")
    strings = max(0, frame.count(b'"') // 2 - names)
    return 4 * len(text) + 16 * frame.count(b",") + 120 * containers + 120 * names + 64 * strings


def block_in(text: bytes) -> slice:
    """Return where a JSON text holds a block of pixels, between its quotes; empty where nowhere.

    A quote behind ``"data":`` begins a string in whatever is JSON, and the next one ends it:
    there are no escapes in between.
    """
    found = text.find(BLOCK, 0, BLOCK_WITHIN)
    start = found + len(BLOCK)
    end = text.find(b'"', start)
    if found < 0 or end < 0 or text.find(b"\\", start, end) >= 0:
        return slice(0, 0)
    return slice(start, end)


def without_block(text: bytes) -> bytes:
    """Return a JSON text with the string emptied that is a block of pixels, where it has one.

    A dozen photographs are 2.6 MB of base64, in which there is nothing to be found; looking
    through it once for each question took a seventh of the time of scoring them.
    """
    block = block_in(text)
    return text[: block.start] + text[block.stop :]


def _without_escapes(text: bytes) -> bytes:
    r"""Drop \\ and \" so that every quote left begins or ends a string.

    The pairs of backslashes first: what is left of a run of them then escapes what follows.
    """
    if b"\\" not in text:
        return text
    return text.replace(rb"\\", b"").replace(rb"\"", b"")
