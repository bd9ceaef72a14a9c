"""How a program of this software begins: it loads with the garbage collector off."""

from __future__ import annotations

import gc
from importlib import import_module


def run_program(module: str) -> int:
    """Load ``module`` and run its ``main``; return the exit code.

    What is made while modules load stays to the end. The collector would look through all of it
    again and again: a tenth of the time that the client takes to load. So it is off meanwhile, and
    leaves what it finds then for good. For ``__main__`` alone: whoever imports a module has the
    collector as before.
    """
    gc.disable()
    main = import_module(module).main
    gc.freeze()
    gc.enable()
    return int(main())
