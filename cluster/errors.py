"""What can go wrong with several machines that cannot with one."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.util import find_spec

from scoring.protocol.errors import ScoringError, UsageError
from scoring.settings import CODE_ROOT

REQUIREMENTS = CODE_ROOT / "requirements-cluster.txt"
PACKAGES = ("ray", "pyarrow", "fsspec")


class ClusterPackagesMissing(UsageError):
    """Scoring on one machine needs no Ray, so it may not be there."""


class OtherRun(UsageError):
    """``--out`` holds what another model, folder or limit made of other pictures."""


class ClusterFailed(ScoringError):
    """The nodes came to no end; what they finished is kept."""

    code = "cluster"


def what_it_says(error: Exception) -> str:
    """Return an error in words: which file or folder, and what is the matter with it."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)


def require_packages(names: Sequence[str] = PACKAGES) -> None:
    """Raise ClusterPackagesMissing before the work and not after it."""
    missing = [name for name in names if find_spec(name) is None]
    if missing:
        raise ClusterPackagesMissing(
            f"several machines need {' and '.join(missing)}, not installed here:"
            f" {sys.executable} -m pip install -r {REQUIREMENTS}"
        )
