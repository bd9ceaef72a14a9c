"""The Flask prediction API; ``server.create_app()`` is the application for any WSGI server."""

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from server.wsgi import create_app as create_app

# The pool of interpreters uses every core already; linear algebra that starts threads of its own
# for each small product halves the rate (measured). Must stand before NumPy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def __getattr__(name: str) -> Any:
    """Load the application where it is asked for: the package itself costs nothing."""
    if name == "create_app":
        from server.wsgi import create_app

        return create_app
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
