"""The dialects this server speaks: one line each, the first for every path of no other."""

from server.dialects import own
from server.dialects.dialect import Dialect

DIALECTS: tuple[Dialect, ...] = (own.DIALECT,)


def dialect_at(path: str) -> Dialect:
    """Return the dialect in which a path is refused."""
    others = (dialect for dialect in DIALECTS if path.startswith(dialect.prefixes))
    return next(others, DIALECTS[0])
