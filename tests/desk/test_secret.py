"""What signs the cookies is made once, for this user alone."""

from __future__ import annotations

import os
import stat

import pytest

from desk.secret import BYTES, FILE, signing_secret
from scoring.protocol.errors import ScoringError
from scoring.settings import Settings


def test_it_is_made_once_and_kept(settings: Settings) -> None:
    first = signing_secret(settings)
    assert len(first) == BYTES
    assert signing_secret(settings) == first
    assert sorted(path.name for path in settings.ledger_file.parent.iterdir()) == [FILE]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_nobody_else_reads_it(settings: Settings) -> None:
    torn = settings.ledger_file.parent / FILE
    torn.parent.mkdir()
    torn.write_bytes(b"half")
    torn.chmod(0o644)
    before = os.umask(0)
    try:
        assert len(signing_secret(settings)) == BYTES
    finally:
        os.umask(before)
    assert stat.S_IMODE(torn.stat().st_mode) == 0o600


def test_where_it_cannot_be_kept_one_line_says_so(settings: Settings) -> None:
    (settings.ledger_file.parent / FILE).mkdir(parents=True)
    with pytest.raises(ScoringError, match=FILE):
        signing_secret(settings)
