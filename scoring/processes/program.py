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
# As pyproject.toml has it. Nothing of ours can be loaded to ask by what is older.
OLDEST_PYTHON = (3, 11)
SET_UP = (
    "start programs with the Python of .venv, and where it is that one, set it up anew (README.md,"
    " 'Two commands'; make clean removes it)"
)
# As of wrong settings: no service manager tries that again and again.
WRONG_PYTHON = 2


def run_program(module: str) -> int:
    """Load ``module`` and run its ``main``; return the exit code.

    That is 1 where the system is short of memory, 2 where this is not the Python that was set up.

    What is made while modules load stays to the end. The collector would look through all of it
    again and again: a tenth of the time that the client takes to load. So it is off meanwhile, and
    leaves what it finds then for good. For ``__main__`` alone: whoever imports a module has the
    collector as before. The same goes for the one thread of linear algebra.
    """
    if sys.version_info < OLDEST_PYTHON:
        return _wrong_python("is too old")
    os.environ.setdefault(BLAS_THREADS, "1")
    gc.disable()
    try:
        main = import_module(module).main
    except ModuleNotFoundError as error:
        if not _is_package(error.name or ""):
            raise
        return _wrong_python(f"lacks the package {error.name}")
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


def _is_package(module: str) -> bool:
    """Tell a package that is installed from a module of ours or of Python's own."""
    from pathlib import Path  # not before the collector is off

    top, code = module.partition(".")[0], Path(__file__).resolve().parents[2]
    is_ours = (code / top).exists() or (code / f"{top}.py").exists()
    return not is_ours and top not in sys.stdlib_module_names


def _wrong_python(why: str) -> int:
    version = ".".join(map(str, sys.version_info[:3]))
    _say(f"error: this Python ({sys.executable}, {version}) {why}: {SET_UP}\n")
    return WRONG_PYTHON


def _too_little(what: str) -> int:
    """Say it in the last line, which the starter of a program quotes; return the exit code."""
    _say(TOO_LITTLE.format(what=what))
    return 1


def _say(line: str) -> None:
    with suppress(OSError, AttributeError):  # closed, or none at all
        sys.stderr.write(line)
