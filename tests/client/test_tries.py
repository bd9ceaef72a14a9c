"""The tries that one question has."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from client.tries import Tries
from scoring.settings import ClientSettings


@pytest.fixture
def no_collector() -> Iterator[None]:
    """Let nothing go but by its last reference: the collector comes by seldom in a run."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collector")
def test_what_was_asked_is_let_go_with_the_answer() -> None:
    """Kept until the collector came, it was 50 MB of photographs' pixels."""
    tries = Tries(ClientSettings(tries=3, retry_seconds=0.0))
    pixels = np.ones(1000, np.uint8)
    held = weakref.ref(pixels)

    def ask_of(pixels: NDArray[np.uint8]) -> int:
        return tries.ask(lambda: int(pixels.sum()), lambda number: None, lambda seconds: False)

    assert ask_of(pixels) == 1000
    del pixels
    assert held() is None
