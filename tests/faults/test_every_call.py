"""Row 62, by samples; ``python -m tests.faults.every_call`` tries every call there is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.every_call import main
from tests.faults.failing_programs import ENVIRONMENT, bench
from tests.faults.system_calls import may_trace

# So many-th faults are tried: of each call some, and each in another way than the one before.
# What night and cycle do besides, the long part tries.
FEW = {"client": 121, "server": 5}
MANY = {"client": 11, "night": 11, "cycle": 35, "server": 1}


@pytest.fixture
def own_environment(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ENVIRONMENT:
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("SCORING_PROJECT", str(project))


@pytest.mark.skipif(not may_trace(), reason="not run here: no strace, or it may not trace")
@pytest.mark.usefixtures("own_environment")
@pytest.mark.parametrize(
    ("program", "every"),
    [*FEW.items(), *(pytest.param(*one, marks=pytest.mark.long) for one in MANY.items())],
)
@pytest.mark.timeout(1800)
def test_row_62_every_writing_system_call_fails_once(
    tmp_path: Path, program: str, every: int
) -> None:
    with bench(tmp_path / "bench") as work:
        faults = work.faults(program)
        assert {fault.call for fault in faults} >= {"write"}
        for fault in faults[every // 2 :: every]:
            try:
                work.try_fault(program, fault)
            except AssertionError as broken:
                broken.add_note(str(fault))
                raise


@pytest.mark.parametrize("every", ["3", "60", "0", "-1"])
def test_a_sample_that_leaves_a_way_to_fail_out_is_refused(
    every: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["--every", every])
    assert "no multiple of 3" in capsys.readouterr().err
