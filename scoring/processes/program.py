"""How a program of this software begins: it loads with the garbage collector off."""

from __future__ import annotations

import gc
import os
import sys
import traceback
from contextlib import suppress
from importlib import import_module

# OpenBLAS starts a thread for each core when NumPy loads it, and they turn and wait for work: a
# third of the processor time that the client's imports take, on the core that a server needs.
BLAS_THREADS = "OPENBLAS_NUM_THREADS"

# What Python says, as a RuntimeError, where the system gives it no thread.
NO_THREAD = "can't start new thread"
TOO_LITTLE = (
    "error: the system gives this program no more {what}: raise its limits (ulimit -v and -u,"
    " MemoryMax= and TasksMax= of a systemd unit), or end what else takes it\n"
)


def run_program(module: str) -> int:
    """Load ``module`` and run its ``main``; return the exit code, 1 where the system is short.

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
    try:
        return int(main())
    except MemoryError:
        # It may be a bug that wanted so much.
        with suppress(MemoryError, OSError):
            traceback.print_exc()
        return _too_little("memory")
    except RuntimeError as error:
        if str(error) != NO_THREAD:
            raise
        return _too_little("threads or memory")


def _too_little(what: str) -> int:
    """Say it in the last line, which the starter of a program quotes; return the exit code."""
    with suppress(OSError, AttributeError):  # closed, or none at all
        sys.stderr.write(TOO_LITTLE.format(what=what))
    return 1
