"""How a program of this software begins: it loads with the garbage collector off."""

from __future__ import annotations

import gc
import os
from importlib import import_module

# OpenBLAS starts a thread for each core when NumPy loads it, and they turn and wait for work: a
# third of the processor time that the client's imports take, on the core that a server needs.
BLAS_THREADS = "OPENBLAS_NUM_THREADS"


def run_program(module: str) -> int:
    """Load ``module`` and run its ``main``; return the exit code.

    What is made while modules load stays to the end. The collector would look through all of it
    again and again: a tenth of the time that the client takes to load. So it is off meanwhile, and
    leaves what it finds then for good. For ``__main__`` alone: whoever imports a module has the
    collector as before. The same goes for the one thread of linear algebra.
    """
    os.environ.setdefault(BLAS_THREADS, "1")
    gc.disable()
    main = import_module(module).main
    gc.freeze()
    gc.enable()
    return int(main())
