"""LiteRT interpreters that several threads may use at once.

An interpreter is not thread-safe, and one for photographs takes 8 MB. A pool makes them when they
are first needed, each for one core, and hands them out; the figures that chose this shape are in
the model card ("Speed").
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from scoring.inference.bundle import SERVED_FILE, Bundle, BundleUnreadable


class BlockRunner:
    """One interpreter with a fixed number of rows, so that nothing is resized between calls."""

    def __init__(self, bundle: Bundle, rows: int) -> None:
        """Load the model of ``bundle``; raises what LiteRT does, or ValueError for other rows."""
        self._shape = (rows, *bundle.signature.input.shape)
        self._interpreter = Interpreter(model_content=bundle.model, num_threads=1)
        source = _only(self._interpreter.get_input_details())
        self._source = source["index"]
        _check_tensor(source, np.uint8, self._shape[1:])
        self._interpreter.resize_tensor_input(self._source, self._shape)
        self._interpreter.allocate_tensors()
        target = _only(self._interpreter.get_output_details())
        self._target = target["index"]
        _check_tensor(target, np.float32, (len(bundle.head.kernel),))

    def features(self, block: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the pooled features float32 [rows, F] of ``block`` uint8 [rows, H*W*C]."""
        self._interpreter.set_tensor(self._source, block.reshape(self._shape))
        self._interpreter.invoke()
        features: NDArray[np.float32] = self._interpreter.get_tensor(self._target)
        return features


def _only(tensors: list[dict[str, Any]]) -> dict[str, Any]:
    if len(tensors) != 1:
        raise ValueError(f"it has {len(tensors)} inputs or outputs, not one")
    return tensors[0]


def _check_tensor(tensor: dict[str, Any], dtype: type, row_shape: tuple[int, ...]) -> None:
    """Raise ValueError where a tensor is not rows of that shape."""
    shape = tuple(int(side) for side in tensor["shape"])
    if tensor["dtype"] is not dtype or shape[1:] != row_shape:
        wanted, is_ = np.dtype(dtype), np.dtype(tensor["dtype"])
        raise ValueError(f"a row is {is_}{list(shape[1:])}, not {wanted}{list(row_shape)}")


class InterpreterPool:
    """Up to ``size`` one-thread interpreters for blocks of ``rows``; borrow one, give it back."""

    def __init__(self, bundle: Bundle, size: int, rows: int) -> None:
        """Make none yet."""
        self._bundle = bundle
        self._rows = rows
        self._idle: deque[BlockRunner] = deque()
        self._turn = threading.Semaphore(size)

    def features(self, rows: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        """Return the pooled features float32 [rows, F] of each block of ``rows`` uint8 [N, H*W*C].

        N is a multiple of the block's rows. Waits until an interpreter is idle, or may be made.
        """
        if not len(rows):
            return []
        with self._borrow() as runner:
            return [
                runner.features(rows[start : start + self._rows])
                for start in range(0, len(rows), self._rows)
            ]

    @contextmanager
    def _borrow(self) -> Iterator[BlockRunner]:
        with self._turn:
            try:
                runner = self._idle.pop()
            except IndexError:
                runner = BlockRunner(self._bundle, self._rows)
            try:
                yield runner
            finally:
                self._idle.append(runner)


class Network:
    """The integer network of a bundle, for as many threads at once as are wanted.

    Bundles that have the same one may share it. It is tried when it is made; the interpreters that
    requests need are made when the first of them come.
    """

    def __init__(self, bundle: Bundle, threads: int, block: int) -> None:
        """Try the network of ``bundle``; it will take blocks of ``block`` rows, and single ones.

        Raises:
            BundleUnreadable: it cannot be loaded, or does not fit the signature and the head.
        """
        self.trial = _try(bundle, block)
        self._blocks = InterpreterPool(bundle, threads, block)
        self._singles = InterpreterPool(bundle, threads, 1)

    def features(self, rows: NDArray[np.uint8], whole: int) -> NDArray[np.float32]:
        """Return the pooled features float32 [N, F] of ``rows`` uint8 [N, H*W*C].

        The first ``whole`` go in blocks, the others one by one.
        """
        parts = self._blocks.features(rows[:whole]) + self._singles.features(rows[whole:])
        return np.concatenate([self.trial[:0], *parts])


class Networks:
    """Networks that several bundles may share, each tried once."""

    def __init__(self) -> None:
        self._known: dict[object, Network] = {}

    def find(self, bundle: Bundle, threads: int, block: int) -> Network:
        """Return the network of ``bundle``, another bundle's where it is the same.

        Raises BundleUnreadable as ``Network``.
        """
        signature = bundle.signature
        features = len(bundle.head.kernel)
        key = (signature.files[SERVED_FILE], signature.input.shape, features, threads, block)
        if key not in self._known:
            self._known[key] = Network(bundle, threads, block)
        return self._known[key]


def _try(bundle: Bundle, block: int) -> NDArray[np.float32]:
    """Return the pooled features [3, F] of a black, a white and a grey image.

    The first is asked for alone and the others in blocks, of interpreters that are dropped again.
    """
    shades = np.array([[0], [255], [128]], np.uint8)
    try:
        # First, for the signature of a damaged or foreign one may speak of images of gigabytes.
        single = BlockRunner(bundle, 1)
        rows = np.repeat(shades, bundle.signature.input.row_length, axis=1)
        alone = single.features(rows[:1])
        del single  # before the next one takes as much memory
        filled = np.resize(rows[1:], (-(-len(rows[1:]) // block) * block, rows.shape[1]))
        blocks = InterpreterPool(bundle, 1, block).features(filled)
        if len(alone) != 1 or any(len(features) != block for features in blocks):
            raise ValueError("its output has not a row for each image")
    except (RuntimeError, ValueError) as error:
        raise BundleUnreadable(f"{bundle.model_file}: LiteRT cannot load it: {error}") from error
    return np.concatenate([alone, *blocks])[: len(rows)]
