"""The dialects this server speaks: one line each, the first for every path of no other."""

from collections.abc import Iterable

from server.dialects import mlflow, open_inference, own, tf_serving
from server.dialects.dialect import Dialect

DIALECTS: tuple[Dialect, ...] = (
    own.DIALECT,
    open_inference.DIALECT,
    mlflow.DIALECT,
    tf_serving.DIALECT,
)


def dialect_at(path: str) -> Dialect:
    """Return the dialect in which a path is refused."""
    others = (dialect for dialect in DIALECTS if any(_covers(one, path) for one in dialect.paths))
    return next(others, DIALECTS[0])


def open_paths(dialects: Iterable[Dialect]) -> frozenset[str]:
    """Return the paths that want no key."""
    tellings = (telling for dialect in dialects for telling in dialect.tellings)
    return frozenset(telling.path for telling in tellings if telling.open_)


def _covers(one: str, path: str) -> bool:
    return path.startswith(one) if one.endswith("/") else path == one
