"""The predictor: the same answer in any batch and from any thread, and reasons to look again."""

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from scoring.inference.bundle import load_bundle
from scoring.inference.interpreter_pool import BlockRunner, Network
from scoring.inference.predictions import summarise
from scoring.inference.predictor import BLOCK_ROWS, Predictor, block_rows, cut
from scoring.protocol.signature import ReviewWords, Thresholds
from tests.deadlines import DEADLINE

COMMITTED = Path(__file__).parents[3] / "fashion_model"
CATS_DOGS = COMMITTED.parent / "models" / "cats_dogs"
THRESHOLDS = Thresholds(confidence=0.9, outlier_score=20.0)
PIXELS = np.random.default_rng(7).integers(0, 256, (70, 784), np.uint8)


@pytest.fixture(scope="module")
def predictor() -> Iterator[Predictor]:
    """Serve the committed bundle with two interpreters."""
    served = Predictor(load_bundle(COMMITTED), threads=2)
    yield served
    served.close()


@pytest.fixture(scope="module")
def alone(predictor: Predictor) -> NDArray[np.float64]:
    """Return the answers to PIXELS, each image sent by itself."""
    return np.concatenate([answers(predictor, PIXELS[i : i + 1]) for i in range(len(PIXELS))])


def test_shapes_and_ranges(predictor: Predictor) -> None:
    seen = predictor.predict(PIXELS)
    assert seen.class_index.shape == (70,)
    assert seen.class_index.dtype == np.int64
    assert seen.probabilities.shape == (70, 10)
    assert np.allclose(seen.probabilities.sum(axis=1), 1.0)
    assert np.array_equal(seen.confidence, seen.probabilities.max(axis=1))
    ranked = np.argsort(seen.probabilities, axis=1)
    assert np.array_equal(seen.second_index, ranked[:, -2])
    assert np.array_equal(seen.second_confidence, np.sort(seen.probabilities, axis=1)[:, -2])
    assert seen.outlier_score.shape == (70,)
    assert len(seen.review) == 70


@settings(max_examples=25, deadline=None)
@given(chosen=st.lists(st.integers(0, 69), min_size=1, max_size=40))
def test_an_answer_does_not_depend_on_its_batch(
    predictor: Predictor, alone: NDArray[np.float64], chosen: list[int]
) -> None:
    assert np.array_equal(answers(predictor, PIXELS[chosen]), alone[chosen])


def answers(predictor: Predictor, pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    seen = predictor.predict(pixels)
    return np.column_stack([seen.probabilities, seen.outlier_score])


def test_many_threads_at_once_get_their_own_answers(
    predictor: Predictor, alone: NDArray[np.float64]
) -> None:
    with ThreadPoolExecutor(8) as threads:
        parts = [PIXELS[i : i + 30] for i in range(40)]
        results = list(threads.map(lambda part: answers(predictor, part), parts))
    for start, result in enumerate(results):
        assert np.array_equal(result, alone[start : start + 30])


def test_a_single_image_waits_for_no_slice_of_many(
    monkeypatch: pytest.MonkeyPatch, alone: NDArray[np.float64]
) -> None:
    served, features = Predictor(load_bundle(COMMITTED), threads=1), BlockRunner.features
    begun, go_on = threading.Event(), threading.Event()

    def held(runner: BlockRunner, rows: NDArray[np.uint8]) -> NDArray[np.float32]:
        if len(rows) > 1:
            begun.set()
            assert go_on.wait(DEADLINE)
        return features(runner, rows)

    monkeypatch.setattr(BlockRunner, "features", held)
    with ThreadPoolExecutor(2) as callers:
        many = callers.submit(answers, served, np.repeat(PIXELS, 10, axis=0))
        assert begun.wait(DEADLINE)
        for count in (1, 15, 1):
            few = callers.submit(answers, served, PIXELS[:count])
            assert np.array_equal(few.result(DEADLINE), alone[:count])
        assert not many.done()
        go_on.set()
        assert np.array_equal(many.result(DEADLINE), np.repeat(alone, 10, axis=0))
    served.close()


@pytest.mark.parametrize("count", [1, 2, 15, 16, 17, 33])
def test_rows_that_fill_no_block_cost_no_whole_one(
    monkeypatch: pytest.MonkeyPatch, predictor: Predictor, count: int
) -> None:
    run, seen = BlockRunner.features, []

    def noted(runner: BlockRunner, block: NDArray[np.uint8]) -> NDArray[np.float32]:
        seen.append(len(block))
        return run(runner, block)

    monkeypatch.setattr(BlockRunner, "features", noted)
    predictor.predict(PIXELS[:count])
    assert sum(seen) == count


def test_no_rows_give_no_predictions(predictor: Predictor) -> None:
    seen = predictor.predict(np.empty((0, 784), np.uint8))
    assert seen.probabilities.shape == (0, 10)
    assert seen.review == []


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((1, 783), np.uint8),
        np.zeros((1, 784), np.float32),
        np.zeros((1, 28, 28), np.uint8),
        np.zeros(784, np.uint8),
    ],
)
def test_refuses_other_pixels(predictor: Predictor, pixels: NDArray[np.uint8]) -> None:
    with pytest.raises(ValueError, match=r"not uint8\[N, 784\]"):
        predictor.predict(pixels)


def test_noise_and_blanks_are_sent_to_a_person(predictor: Predictor) -> None:
    grey = np.full((1, 784), 128, np.uint8)
    seen = predictor.predict(np.concatenate([PIXELS, grey]))
    assert sum(reason is not None for reason in seen.review) >= 70


def test_reasons_follow_the_thresholds() -> None:
    probabilities = np.array([[0.95, 0.05], [0.8, 0.2], [0.95, 0.05], [0.8, 0.2]])
    scores = np.array([10.0, 10.0, 50.0, 50.0])
    seen = summarise(probabilities, scores, THRESHOLDS, ReviewWords("doubtful", "no digit?"))
    assert seen.review == [None, "doubtful", "no digit?", "no digit?"]


def test_of_two_equally_likely_classes_each_is_named_once() -> None:
    seen = summarise(np.full((1, 2), 0.5), np.zeros(1), THRESHOLDS, ReviewWords("a", "b"))
    assert (seen.class_index.tolist(), seen.second_index.tolist()) == ([0], [1])
    assert seen.second_confidence.tolist() == [0.5]


@pytest.mark.parametrize("count", [0, 1, 12, 13, 16, 17, 100, 513, 5_000])
@pytest.mark.parametrize("threads", [1, 2, 3, 16])
@pytest.mark.parametrize("unit", [1, 2, 16])
@pytest.mark.parametrize("most", [4, 32])
def test_rows_are_shared_among_all_threads(count: int, threads: int, unit: int, most: int) -> None:
    shares = cut(count, unit, threads, most)
    rows = [len(range(count)[share]) for share in shares]
    assert sum(rows) == count
    assert all(share.start % unit == 0 for share in shares)
    units = [-(-number // unit) for number in rows]
    # No thread has more than an even split would give it, and none a share that is too long.
    assert max(units) <= max(1, -(-sum(units) // threads))
    assert max(units) <= most
    # And each as many shares as the others, of the same length but for a unit.
    assert len(shares) % threads == 0 or max(units) <= 1
    assert max(units) - min(units) <= 1


def test_small_images_go_in_blocks_of_sixteen_and_photographs_two_by_two() -> None:
    assert block_rows(784) == BLOCK_ROWS
    assert block_rows(224 * 224 * 3) == 2
    assert block_rows(1_000_000) == 1


def test_a_dozen_photographs_are_work_for_every_core(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thirteen for two of them are six and seven; as many cores have one each."""
    bundle = load_bundle(CATS_DOGS)
    pixels = np.zeros((13, bundle.signature.input.row_length), np.uint8)
    run, seen = Network.features, Counter[str]()

    def noted(network: Network, rows: NDArray[np.uint8], whole: int) -> NDArray[np.float32]:
        seen[f"{len(rows)} at once"] += 1
        return run(network, rows, whole)

    monkeypatch.setattr(Network, "features", noted)
    for threads, expected in ((2, {"6 at once": 1, "7 at once": 1}), (13, {"1 at once": 13})):
        seen.clear()
        predictor = Predictor(bundle, threads=threads)
        predictor.predict(pixels)
        predictor.close()
        assert seen == expected


def test_a_photographs_answer_does_not_depend_on_its_batch() -> None:
    bundle = load_bundle(CATS_DOGS)
    width = bundle.signature.input.row_length
    pixels = np.random.default_rng(3).integers(0, 256, (13, width), np.uint8)
    found = []
    for threads in (1, 3):
        predictor = Predictor(bundle, threads=threads)
        found.append(answers(predictor, pixels))
        found.append(np.concatenate([answers(predictor, pixels[[i]]) for i in range(13)]))
        predictor.close()
    assert all(np.array_equal(one, found[0]) for one in found)


def test_without_a_setting_there_is_an_interpreter_for_each_usable_core(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On a machine of many cores a process may be held to a few."""
    monkeypatch.setattr("scoring.inference.predictor.available_cores", lambda: 3)
    predictor = Predictor(load_bundle(COMMITTED))
    assert predictor.threads == 3
    predictor.close()
