"""LiteRT interpreters that several threads may use at once.

An interpreter is not thread-safe. The pool holds one per thread, each with one core, and hands
them out; the figures that chose this shape are in the model card ("Speed").
"""

from __future__ import annotations

import queue
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from scoring.inference.bundle import Bundle, BundleUnreadable


class BlockRunner:
    """One interpreter with a fixed number of rows, so that nothing is resized between calls."""

    def __init__(self, bundle: Bundle, rows: int) -> None:
        shape = bundle.signature.input.shape
        path = Path(bundle.folder) / "model.tflite"
        try:
            self._interpreter = Interpreter(model_content=bundle.model, num_threads=1)
            source = self._interpreter.get_input_details()[0]
            self._interpreter.resize_tensor_input(source["index"], (rows, *shape))
            self._interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            raise BundleUnreadable(f"{path}: LiteRT cannot load it: {error}") from error
        target = self._interpreter.get_output_details()[0]
        if source["dtype"] is not np.uint8 or target["dtype"] is not np.float32:
            raise BundleUnreadable(f"{path}: does not take uint8 and give float32")
        features, given = [rows, len(bundle.head.kernel)], target["shape"].tolist()
        if given != features:
            raise BundleUnreadable(f"{path}: gives {given} features, the head takes {features}")
        self._shape = (rows, *shape)
        self._source, self._target = source["index"], target["index"]

    def features(self, block: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the pooled features float32 [rows, F] of ``block`` uint8 [rows, H*W*C]."""
        self._interpreter.set_tensor(self._source, block.reshape(self._shape))
        self._interpreter.invoke()
        features: NDArray[np.float32] = self._interpreter.get_tensor(self._target)
        return features


class InterpreterPool:
    """As many one-thread interpreters as threads; borrow one, give it back."""

    def __init__(self, bundle: Bundle, size: int, rows: int) -> None:
        self._idle: queue.SimpleQueue[BlockRunner] = queue.SimpleQueue()
        for _ in range(size):
            self._idle.put(BlockRunner(bundle, rows))

    @contextmanager
    def borrow(self) -> Iterator[BlockRunner]:
        """Lend an interpreter, waiting until one is idle."""
        runner = self._idle.get()
        try:
            yield runner
        finally:
            self._idle.put(runner)
