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


def open_paths(dialects: Iterable[Dialect]) -> frozenset[str]:
    """Return the paths that want no key."""
    tellings = (telling for dialect in dialects for telling in dialect.tellings)
    return frozenset(telling.path for telling in tellings if telling.open_)
