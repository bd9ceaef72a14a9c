"""The server without HTTP: models by name, what they take, and whether work is taken."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from scoring.inference.predictor import Predictor
from scoring.protocol.errors import BadRequest, NotFound, Unavailable
from scoring.protocol.signature import REFERENCE_NAME
from scoring.settings import CODE_ROOT, ServerSettings
from server.dialects import mlflow, tf_serving
from server.dialects.dialect import Call, Dialect
from server.drain import Drain
from server.handler import Handler
from server.models import ModelTable, load_models
from tests.conftest import BUNDLE, garment_pixels

FOLDERS = (BUNDLE, CODE_ROOT / "models" / "cats_dogs")


@pytest.fixture(scope="module")
def models() -> Iterator[ModelTable]:
    table = load_models(FOLDERS, threads=1)
    yield table
    table.close()


def test_the_first_model_answers_where_none_is_named(models: ModelTable) -> None:
    handler = Handler(models, ServerSettings(), Drain())
    pixels = garment_pixels(3)
    answer, named = handler.score("", pixels), handler.score("fashion", pixels)
    assert answer.signature is named.signature is handler.signature()
    assert np.array_equal(answer.predictions.probabilities, named.predictions.probabilities)
    assert answer.seconds > 0


def test_each_model_takes_as_many_rows_as_are_bytes(models: ModelTable) -> None:
    handler = Handler(
        models, ServerSettings(max_rows=20_000, max_request_bytes=16_000_000), Drain()
    )
    rows = {one.name: handler.limits(one).rows for one in handler.signatures()}
    assert rows == {"fashion": 20_000, "cats_dogs": 16_000_000 // (224 * 224 * 3)}


def test_an_unknown_model_is_told_apart_from_a_path(models: ModelTable) -> None:
    handler = Handler(models, ServerSettings(), Drain())
    with pytest.raises(NotFound, match="fashion, cats_dogs"):
        handler.score("hats", garment_pixels(1))
    with pytest.raises(BadRequest):
        handler.signature("../fashion")


def test_another_bundle_in_the_folder_changes_nothing_that_is_served(tmp_path: Path) -> None:
    home = tmp_path / "bundle"
    shutil.copytree(BUNDLE, home, ignore=shutil.ignore_patterns("*.keras", "*.py", "[!a-z]*"))
    content = (home / REFERENCE_NAME).read_bytes()
    served = load_models([home], threads=1)
    handler = Handler(served, ServerSettings(), Drain())
    signature, pixels = handler.signature(), garment_pixels(2)
    before = handler.score("", pixels).predictions
    # What ``teach`` does with a bundle of the same name.
    (home / REFERENCE_NAME).write_bytes(b"of another version")
    (home / "head.npz").unlink()
    assert handler.held_out("fashion") == (signature, content)
    shutil.rmtree(home)
    assert handler.held_out("fashion") == (signature, content)
    after = handler.score("", pixels).predictions
    assert np.array_equal(before.probabilities, after.probabilities)
    served.close()


def test_once_it_drains_it_takes_no_work_and_says_so(models: ModelTable) -> None:
    drain = Drain()
    handler = Handler(models, ServerSettings(), drain)
    with handler.working():
        assert (drain.in_flight, handler.readiness().ready) == (1, True)
    drain.close()
    assert (drain.in_flight, handler.readiness().ready) == (0, False)
    assert [model.name for model in handler.readiness().models] == ["fashion", "cats_dogs"]
    with pytest.raises(Unavailable), handler.working():
        pass


@pytest.mark.parametrize(
    ("dialect", "paths"),
    [
        (mlflow.DIALECT, ("/ping", "/health")),
        (tf_serving.DIALECT, ("/v1/models/{name}", "/v1/models/{name}/versions/{version}")),
    ],
)
def test_each_dialect_says_that_it_drains(
    models: ModelTable, dialect: Dialect, paths: tuple[str, ...]
) -> None:
    drain = Drain()
    handler = Handler(models, ServerSettings(), drain)
    tells = [telling.tell for telling in dialect.tellings if telling.path in paths]
    call = Call(path={"name": "fashion", "version": "1"})
    assert [tell(handler, call).status for tell in tells] == [200, 200]
    drain.close()
    assert [tell(handler, call).status for tell in tells] == [503, 503]
    assert all(b'"ready":false' in tell(handler, call).body for tell in tells)


@pytest.mark.parametrize("entry", ["confidence", "outlier_score"])
@pytest.mark.parametrize("score", [np.nan, np.inf])
def test_a_score_that_is_no_number_is_never_told(
    models: ModelTable, monkeypatch: pytest.MonkeyPatch, entry: str, score: float
) -> None:
    seen = models.find().predict(garment_pixels(3))
    changed: dict[str, Any] = {entry: np.array([0.5, score, 0.5])}
    broken = replace(seen, **changed)
    monkeypatch.setattr(Predictor, "predict", lambda self, pixels: broken)
    with pytest.raises(ValueError, match="no number"):
        Handler(models, ServerSettings(), Drain()).score("", garment_pixels(3))
