"""Interpreters are made when they are needed, no more than wanted, and shared where they can be."""

import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scoring.inference.bundle import load_bundle
from scoring.inference.head import FloatHead
from scoring.inference.interpreter_pool import BlockRunner, InterpreterPool, Networks
from scoring.inference.predictor import Predictor
from tests.deadlines import DEADLINE

COMMITTED = Path(__file__).parents[3] / "fashion_model"
PIXELS = np.random.default_rng(7).integers(0, 256, (64, 784), np.uint8)


class Living:
    """Which of some class's objects are still there."""

    def __init__(self, kind: type, monkeypatch: pytest.MonkeyPatch) -> None:
        self._made: list[weakref.ref[Any]] = []
        make = kind.__init__  # type: ignore[misc]

        def noted(made: Any, *arguments: Any) -> None:
            self._made.append(weakref.ref(made))
            make(made, *arguments)

        monkeypatch.setattr(kind, "__init__", noted)

    def count(self) -> int:
        return sum(made() is not None for made in self._made)

    def __len__(self) -> int:
        return len(self._made)


@pytest.fixture
def runners(monkeypatch: pytest.MonkeyPatch) -> Living:
    return Living(BlockRunner, monkeypatch)


@pytest.fixture
def predictor(runners: Living) -> Iterator[Predictor]:
    served = Predictor(load_bundle(COMMITTED), threads=2)
    yield served
    served.close()


def test_a_bundle_that_nobody_asks_for_has_been_tried_and_holds_nothing(
    runners: Living, monkeypatch: pytest.MonkeyPatch
) -> None:
    heads = Living(FloatHead, monkeypatch)
    idle = Predictor(load_bundle(COMMITTED), threads=2)
    assert (len(runners) > 0, len(heads) > 0) == (True, True)
    assert (runners.count(), heads.count()) == (0, 0)
    idle.close()


def test_one_caller_needs_one_interpreter(runners: Living, predictor: Predictor) -> None:
    for _ in range(20):
        predictor.predict(PIXELS[:1])
    assert runners.count() == 1


def test_many_callers_have_no_more_than_so_many(runners: Living, predictor: Predictor) -> None:
    with ThreadPoolExecutor(8) as callers:
        list(callers.map(lambda turn: predictor.predict(PIXELS[: turn % 40]), range(200)))
    assert 1 <= runners.count() <= 4
    before = len(runners)
    with ThreadPoolExecutor(8) as callers:
        list(callers.map(lambda turn: predictor.predict(PIXELS[: turn % 40]), range(200)))
    assert len(runners) - before <= 4 - 1


def test_bundles_with_the_same_network_share_its_interpreters(runners: Living) -> None:
    networks = Networks()
    pair = [Predictor(load_bundle(COMMITTED), 2, networks) for _ in range(2)]
    tried = len(runners)
    one, other = (served.predict(PIXELS[:1]).probabilities for served in pair)
    assert np.array_equal(one, other)
    assert (runners.count(), len(runners)) == (1, tried + 1)
    for served in pair:
        served.close()


def test_one_that_cannot_be_made_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory was short for a moment: who waits behind it makes the interpreter."""
    make, begun, go_on = BlockRunner.__init__, threading.Event(), threading.Event()

    def short(runner: BlockRunner, *arguments: Any) -> None:
        if not begun.is_set():
            begun.set()
            assert go_on.wait(DEADLINE)
            raise MemoryError
        make(runner, *arguments)

    pool = InterpreterPool(load_bundle(COMMITTED), size=1, rows=1)
    monkeypatch.setattr(BlockRunner, "__init__", short)
    with ThreadPoolExecutor(2) as callers:
        first = callers.submit(pool.features, PIXELS[:1])
        assert begun.wait(DEADLINE)
        second = callers.submit(pool.features, PIXELS[:1])
        go_on.set()
        with pytest.raises(MemoryError):
            first.result(DEADLINE)
        assert len(second.result(DEADLINE)) == 1


def test_one_that_failed_at_its_work_is_given_back(
    monkeypatch: pytest.MonkeyPatch, runners: Living
) -> None:
    pool = InterpreterPool(load_bundle(COMMITTED), size=1, rows=1)
    pool.features(PIXELS[:1])
    with monkeypatch.context() as patch:
        patch.setattr(BlockRunner, "features", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            pool.features(PIXELS[:1])
    assert len(pool.features(PIXELS[:3])) == 3
    assert runners.count() == 1
