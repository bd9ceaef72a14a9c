"""The Flask prediction API."""

import os

# The pool of interpreters uses every core already; linear algebra that starts threads of its own
# for each small product halves the rate (measured). Must stand before NumPy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
