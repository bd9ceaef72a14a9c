"""A file of weights is read without what a pickle could do."""

import collections
import hashlib
import io
import os
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fashion_model.dataset.description import DataError
from fashion_model.photographs.tensor_file import MAGIC, PROTOCOL, read_tensors

PROTO, STOP = b"\x80\x02", b"."
KERNEL = np.arange(6, dtype="<f4").reshape(2, 3)
STEPS = np.array([7], "<i8")


def text(value: str) -> bytes:
    """Return the opcodes that push ``value``."""
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def number(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def named(name: str) -> bytes:
    """Return the opcode that pushes what is called ``module name``."""
    return b"c" + name.replace(" ", "\n").encode() + b"\n"


def storage(key: str, kind: str, count: int) -> bytes:
    parts = text("storage") + named(f"torch {kind}") + text(key) + text("cpu") + number(count)
    return b"(" + parts + b"NtQ"


def tensor(
    stored: bytes, shape: tuple[int, ...], strides: tuple[int, ...], start: int = 0
) -> bytes:
    def row(values: tuple[int, ...]) -> bytes:
        return b"(" + b"".join(map(number, values)) + b"t"

    table = named("collections OrderedDict") + b")R"
    parts = stored + number(start) + row(shape) + row(strides) + b"\x89" + table
    return named("torch._utils _rebuild_tensor_v2") + b"(" + parts + b"tR"


def table(**entries: bytes) -> bytes:
    """Return the opcodes of an OrderedDict, with the attribute that PyTorch gives it."""
    rows = b"".join(text(name) + value for name, value in entries.items())
    notes = b"}" + text("_metadata") + named("collections OrderedDict") + b")Rsb"
    return named("collections OrderedDict") + b")R(" + rows + b"u" + notes


def numbers(values: NDArray[Any]) -> bytes:
    return struct.pack("<q", values.size) + values.tobytes()


GOOD = table(
    kernel=tensor(storage("a", "FloatStorage", 6), (3, 2), (1, 3)),
    steps=tensor(storage("b", "LongStorage", 1), (), ()),
)
SIX = storage("a", "FloatStorage", 6)
TAIL = numbers(KERNEL) + numbers(STEPS)


def weights_file(
    views: bytes = GOOD, keys: tuple[str, ...] = ("a", "b"), tail: bytes = TAIL
) -> bytes:
    head = [pickle.dumps(value, 2) for value in (MAGIC, PROTOCOL, {"little_endian": True})]
    return b"".join(head) + PROTO + views + STOP + pickle.dumps(list(keys), 2) + tail


def read(folder: Path, content: bytes) -> dict[str, NDArray[Any]]:
    path = folder / "weights.pth"
    path.write_bytes(content)
    return read_tensors(path, hashlib.sha256(content).hexdigest())


def test_tensors_come_with_their_shapes_and_kinds(tmp_path: Path) -> None:
    tensors = read(tmp_path, weights_file())
    assert np.array_equal(tensors["kernel"], KERNEL.T)
    assert tensors["kernel"].dtype == np.float32
    assert (tensors["steps"].shape, int(tensors["steps"])) == ((), 7)


def test_another_file_is_not_even_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def begun(*_: Any) -> None:
        raise AssertionError("a file with another hash was unpickled")

    path = tmp_path / "weights.pth"
    path.write_bytes(weights_file())
    monkeypatch.setattr("fashion_model.photographs.tensor_file._TensorUnpickler", begun)
    with pytest.raises(DataError, match="nothing of it was read"):
        read_tensors(path, "0" * 64)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"weights\.pth: cannot be read"):
        read_tensors(tmp_path / "weights.pth", "0" * 64)


class Calls:
    """Pickles as a call of anything."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self._call = (function, arguments)

    def __reduce__(self) -> tuple[Callable[..., Any], Any]:
        return self._call


def called(name: str, argument: bytes) -> bytes:
    return named(name) + b"(" + argument + b"tR"


MARK = "was_here"
HOSTILE = {
    "os.system": called("os system", text(f"touch {MARK}")),
    "posix.system": called("posix system", text(f"touch {MARK}")),
    "eval": called("builtins eval", text(f"open('{MARK}', 'w').close()")),
    "eval of Python 2": called("__builtin__ eval", text(f"open('{MARK}', 'w').close()")),
    "open": called("io open", text(MARK) + text("w")),
    "a dotted name": b"\x8c\x0bcollections\x8c\x15OrderedDict.__reduce__\x93",
    "by the stack": text("os") + text("system") + b"\x93(" + text(f"touch {MARK}") + b"tR",
    "instance": b"(" + text(f"touch {MARK}") + b"ios\nsystem\n",
    "object": b"(" + named("os system") + text(f"touch {MARK}") + b"o",
    "new object": named("os _wrap_close") + b")\x81",
    "extension": b"\x82\x01",
    "getattr": called("builtins getattr", named("collections OrderedDict") + text("pop")),
    "numpy's own": called("numpy.core.multiarray _reconstruct", b""),
    "torch's own": called("torch load", text(MARK)),
    "within a tensor": table(
        kernel=tensor(called("os system", text(f"touch {MARK}")), (1,), (1,))
    ),
    "within the reference": table(
        kernel=tensor(b"(" + called("os system", text(f"touch {MARK}")) + b"tQ", (1,), (1,))
    ),
    "through the memo": named("os system") + b"q\x00(h\x00" + text(f"touch {MARK}") + b"tR",
    "another attribute": named("collections OrderedDict") + b")R}" + text("keys") + b"Nsb",
    "an attribute of the class": named("collections OrderedDict") + b"}" + text("get") + b"Nsb",
    "an attribute of the maker": named("torch._utils _rebuild_tensor_v2")
    + b"}" + text("__call__") + b"Nsb",
    "slots of the maker": named("torch._utils _rebuild_tensor_v2")
    + b"N}" + text("__call__") + b"Ns\x86b",
    "a memo that is empty": b"h\x07",
    "a list for a table": b"]",
    "a table of texts": table(kernel=text("kernel")),
    "another storage": table(kernel=tensor(storage("a", "DoubleStorage", 6), (1,), (1,))),
    "a tensor beyond its numbers": table(kernel=tensor(SIX, (7,), (1,))),
    "a tensor before them": table(kernel=tensor(SIX, (2,), (1,), -1)),
    "a tensor backwards": table(kernel=tensor(SIX, (2,), (-1,), 1)),
    "a tensor without strides": table(kernel=tensor(SIX, (2, 3), (1,))),
}  # fmt: skip


@pytest.mark.parametrize("views", HOSTILE.values(), ids=HOSTILE)
def test_what_is_no_tensor_is_refused_and_nothing_runs(
    tmp_path: Path, views: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="holds more than tensors, or is broken"):
        read(tmp_path, weights_file(views))
    assert os.listdir(tmp_path) == ["weights.pth"]
    assert collections.OrderedDict.get is dict.get


@pytest.mark.parametrize("place", range(5))
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_no_pickle_of_the_file_may_call(tmp_path: Path, place: int, protocol: int) -> None:
    """Each of the five pickles of a file, and every protocol."""
    mark = tmp_path / MARK
    parts: list[bytes] = []
    file = io.BytesIO(weights_file())
    values = [MAGIC, PROTOCOL, {}, {}, []]
    parts = [pickle.dumps(value, 2) for value in values]
    parts[place] = pickle.dumps(Calls(os.mkdir, str(mark)), protocol)
    with pytest.raises(DataError, match=r"it names \w+\.mkdir"):
        read(tmp_path, b"".join(parts) + file.getvalue()[-8:])
    assert not mark.exists()


def test_a_file_cut_short_anywhere_is_refused(tmp_path: Path) -> None:
    whole = weights_file()
    for length in range(len(whole)):
        with pytest.raises(DataError):
            read(tmp_path, whole[:length])


@pytest.mark.parametrize(
    "content",
    [
        weights_file() + b"\0",
        weights_file(keys=("a",)),
        weights_file(keys=("a", "b", "c")),
        weights_file(tail=numbers(STEPS) + numbers(KERNEL)),
        weights_file(tail=struct.pack("<q", -6) + KERNEL.tobytes() + numbers(STEPS)),
        pickle.dumps(0, 2) + weights_file()[len(pickle.dumps(MAGIC, 2)) :],
    ],
)
def test_numbers_that_are_not_those_of_the_table_are_refused(
    tmp_path: Path, content: bytes
) -> None:
    with pytest.raises(DataError):
        read(tmp_path, content)
