"""Commands as they are typed here, in the folder of the code: whatever Python this is by name.

Debian has no ``python``, and a Python that is not the one of this installation lacks its packages.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from functools import cache
from pathlib import Path

CODE_ROOT = Path(__file__).resolve().parents[2]
NAMES = ("python", "python3", "py")


def command(module: str, *words: str) -> str:
    """Return the command that runs one of our programs; ``words`` are pasted as they are."""
    return " ".join((python_of(sys.executable), "-m", module, *words))


@cache
def python_of(executable: str, root: Path = CODE_ROOT, search: str | None = None) -> str:
    """Return what starts an interpreter: by its place in the folder, by name, else by its path.

    ``search`` is a list of folders as ``PATH`` has it, by default that of this process. Within
    another program (a web server) there is no interpreter to tell of: ``python3``.
    """
    path = Path(executable)
    if not path.name.startswith("python"):
        return "python3"
    if path.is_relative_to(root):
        return str(path.relative_to(root)).removesuffix(".exe")
    for name in NAMES:
        found = shutil.which(name, path=search)
        if found and os.path.abspath(found) == os.path.abspath(path):
            return name
    return f'"{path}"' if sys.platform == "win32" else shlex.quote(executable)
