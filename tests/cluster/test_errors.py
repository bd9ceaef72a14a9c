"""Ray is not there by default: who asks for it is told what to install."""

from __future__ import annotations

import pytest

from cluster.errors import ClusterPackagesMissing, require_packages
from scoring.protocol.errors import ExitCode


def test_what_is_missing_is_named_with_the_command_that_brings_it() -> None:
    require_packages(["json"])
    with pytest.raises(
        ClusterPackagesMissing, match=r"no_such_a and no_such_b.*pip install -r"
    ) as told:
        require_packages(["json", "no_such_a", "no_such_b"])
    assert told.value.exit_code == ExitCode.USAGE
    assert "requirements-cluster.txt" in str(told.value)
