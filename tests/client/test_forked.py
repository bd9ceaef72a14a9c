"""A client that was made before a fork, in parent and children at once: real processes."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
import textwrap
from collections.abc import Callable

import pytest

from client.api import ScoringClient
from scoring.settings import CODE_ROOT
from tests.deadlines import DEADLINE

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")

# A process of its own: pytest's has threads, which a fork does not take along.
BEGINNING = """
    import os, signal, sys, traceback
    import numpy as np
    from client.api import ClientSettings, ScoringClient

    def forked(what):
        process = os.fork()
        if process:
            return process
        signal.alarm(60)
        code = 1
        try:
            code = 0 if what() else 3
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)

    def codes(processes):
        return [os.waitstatus_to_exitcode(os.waitpid(one, 0)[1]) for one in processes]

    def seen(results):
        return [(one.label, one.confidence) for one in results]

    rows = np.random.default_rng(7).integers(0, 256, (40, 784)).astype(np.uint8)
    options = ClientSettings(tries=1, chunk_rows=4)
    client = ScoringClient(sys.argv[1].split(","), options=options)
    expected = seen(client.predict(rows))
"""


def runs(program: str, url: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(BEGINNING) + textwrap.dedent(program), url],
        cwd=CODE_ROOT,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("servers", [1, 2])
def test_parent_and_children_read_their_own_answers(server_url: str, servers: int) -> None:
    """All requests have the same rows' numbers: nothing but the connection tells them apart."""
    program = """
        def others(place):
            def what():
                own = rows[place : place + 1]
                return all(seen(client.predict(own)) == expected[place : place + 1]
                           for _ in range(15))
            return what

        children = [forked(others(place)) for place in range(4)]
        assert all(seen(client.predict(rows[9:10])) == expected[9:10] for _ in range(15))
        assert codes(children) == [0] * 4
    """
    both = [server_url, server_url.replace("127.0.0.1", "localhost")]
    runs(program, ",".join(both[:servers]))


def test_an_iteration_stays_with_the_parent(server_url: str) -> None:
    program = """
        results = client.iter_predictions(row for _ in range(10) for row in rows)
        first = next(results)

        def goes_on():
            next(results)

        def begins_another():
            results.close()
            return seen(client.predict(rows)) == expected

        def tries():
            try:
                goes_on()
            except RuntimeError as error:
                return "the parent process's" in str(error) and begins_another()

        assert codes([forked(tries), forked(begins_another)]) == [0, 0]
        assert seen([first, *results]) == expected * 10
    """
    runs(program, server_url)


def test_a_closed_client_stays_closed(server_url: str) -> None:
    program = """
        client.close()

        def what():
            try:
                client.predict(rows)
            except RuntimeError as error:
                return "closed" in str(error)

        assert codes([forked(what)]) == [0]
    """
    runs(program, server_url)


@pytest.mark.parametrize("take", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_client_is_not_copied(take: Callable[[ScoringClient], object]) -> None:
    """As ``spawn`` would have it: the copy would fail at its first request."""
    with ScoringClient("http://127.0.0.1:1") as client, pytest.raises(TypeError, match="make one"):
        take(client)
