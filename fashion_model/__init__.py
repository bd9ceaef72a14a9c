"""The default bundle, and the code that makes bundles: data, training, export, evaluation."""

import os

# As in the server, whose pool of interpreters these programs use: linear algebra with threads of
# its own takes the cores from it, a quarter of the rate. Must stand before NumPy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
