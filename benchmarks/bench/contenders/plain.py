"""The floor, Keras in one process, and the first version's way: they need no other library."""

from __future__ import annotations

import sys

from benchmarks.bench.contract import (
    FLOOR,
    IN_PROCESS,
    ORIGINAL,
    Contender,
    Program,
    Server,
    Work,
)

_QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}


def _module(name: str, *arguments: object) -> Program:
    module = f"benchmarks.bench.programs.{name}"
    return Program([sys.executable, "-m", module, *map(str, arguments)], _QUIET)


def _floor(work: Work, url: str) -> Program:
    return _module("floor", work.folder, work.bundle, work.out)


def _keras(work: Work, url: str) -> Program:
    return _module("keras_in_process", work.folder, *_reference(work), work.out)


def _original(work: Work, url: str) -> Program:
    return _module("original_client", work.folder, url, work.out)


def _original_server(work: Work, port: int) -> Program:
    return _module("original_server", *_reference(work), port)


def _reference(work: Work) -> tuple[object, object]:
    return work.bundle / "model.keras", work.bundle / "signature.json"


PLAIN = (
    Contender("floor", "plain script: same decode, same int8", FLOOR, _floor, any_image=True),
    Contender(
        "original",
        "append, to_json, Flask, Model.predict",
        ORIGINAL,
        _original,
        Server(_original_server, "/"),
    ),
    Contender("keras", "Keras, Model.predict", IN_PROCESS, _keras),
)
