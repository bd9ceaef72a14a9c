"""LiteRT interpreters that several threads may use at once.

An interpreter is not thread-safe. A pool holds some, each with one core, and hands them out; the
figures that chose this shape are in the model card ("Speed").
"""

from __future__ import annotations

import queue
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from scoring.inference.bundle import Bundle, BundleUnreadable


class BlockRunner:
    """One interpreter with a fixed number of rows, so that nothing is resized between calls."""

    def __init__(self, bundle: Bundle, rows: int) -> None:
        """Load the model of ``bundle``; raises BundleUnreadable where it does not fit the rest."""
        self._shape = (rows, *bundle.signature.input.shape)
        try:
            self._interpreter = Interpreter(model_content=bundle.model, num_threads=1)
            source = _only(self._interpreter.get_input_details())
            self._source = source["index"]
            _check_tensor(source, np.uint8, self._shape[1:])
            self._interpreter.resize_tensor_input(self._source, self._shape)
            self._interpreter.allocate_tensors()
            target = _only(self._interpreter.get_output_details())
            self._target = target["index"]
            _check_tensor(target, np.float32, (len(bundle.head.kernel),))
            # What runs at all runs now, and gives a row for each.
            if len(self.features(np.zeros(self._shape, np.uint8))) != rows:
                raise ValueError("its output has not a row for each image")
        except (RuntimeError, ValueError) as error:
            raise BundleUnreadable(
                f"{bundle.model_file}: LiteRT cannot load it: {error}"
            ) from error

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
    """Some one-thread interpreters for blocks of so many rows; borrow one, give it back."""

    def __init__(self, bundle: Bundle, size: int, rows: int) -> None:
        self._rows = rows
        self._idle: queue.SimpleQueue[BlockRunner] = queue.SimpleQueue()
        for _ in range(size):
            self._idle.put(BlockRunner(bundle, rows))

    def features(self, rows: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        """Return the pooled features float32 [rows, F] of each block of ``rows`` uint8 [N, H*W*C].

        N is a multiple of the block's rows. Waits until an interpreter is idle.
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
        runner = self._idle.get()
        try:
            yield runner
        finally:
            self._idle.put(runner)
