"""The tree drawn in scoring/protocol/errors.py is the whole truth."""

from __future__ import annotations

import copy
import importlib
import pickle
import pkgutil
import re
from collections.abc import Iterator

import pytest

import client
import cluster.errors
import scheduler
import scoring
import server
from fashion_model import commands, retrain
from fashion_model.dataset import description
from fashion_model.teaching import sources
from scoring.batches.read_alone import EndedTheReader
from scoring.inference import bundle
from scoring.preprocessing import errors as decode_errors
from scoring.preprocessing.registry import UnknownPreprocessing
from scoring.protocol import errors
from scoring.protocol.errors import HttpRefusal, InvalidPixels, ScoringError, TooManyTries

LINE = re.compile(r"^(?P<bars>[│ ]*)[├└]── (?P<name>\w+)", re.MULTILINE)
# The two families that are drawn where they live, and what is raised in one place only.
FAMILIES = {bundle: "BundleError", decode_errors: "DecodeError"}
NOT_DRAWN = {"EndedTheReader", "HttpError"}
# The modules of the training side with errors of this tree.
TRAINING = (commands, description, retrain, sources)


def load_everything() -> None:
    # Of the cluster alone its errors: all else there wants packages that may be missing.
    assert all((*TRAINING, cluster.errors))
    for package in (scoring, client, server, scheduler):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)


def drawn(text: str, root: str) -> dict[str, str]:
    """Return each drawn class with the one above it."""
    above, found = [root], {}
    for line in LINE.finditer(text):
        depth = len(line["bars"]) // 4 + 1
        found[line["name"]] = above[depth - 1]
        above[depth:] = [line["name"]]
    return found


def subclasses(kind: type[ScoringError]) -> Iterator[type[ScoringError]]:
    for one in kind.__subclasses__():
        yield one
        yield from subclasses(one)


def test_the_drawing_is_the_tree() -> None:
    load_everything()
    tree = drawn(errors.__doc__ or "", "ScoringError")
    for module, root in FAMILIES.items():
        tree |= drawn(module.__doc__ or "", root)
    packages = ("scoring.", "client.", "server.", "scheduler.", "fashion_model.", "cluster.")
    real = {
        one.__name__: one.__bases__[0].__name__
        for one in subclasses(ScoringError)
        if one.__module__.startswith(packages) and one.__name__ not in NOT_DRAWN
    }
    assert tree == real


@pytest.mark.parametrize(
    "error",
    [
        HttpRefusal(503, "it ends", 2.0),
        InvalidPixels("row 1 has no pixels"),
        TooManyTries(3),
        UnknownPreprocessing("hats", 7),
        EndedTheReader("crashed it"),
        decode_errors.FileTooLarge(5, 4),
        decode_errors.TooManyPixels(2, 3, 5),
        decode_errors.UnknownFormat(),
        decode_errors.CorruptImage("x"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_goes_to_another_process_as_it_is(error: ScoringError) -> None:
    """As from a worker of ProcessPoolExecutor, whose pool breaks where it does not."""
    error.add_note("in the third worker")
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(again) is type(error)
        assert (str(again), again.args, vars(again)) == (str(error), error.args, vars(error))
