"""Many rows by one statement: all of them, in order, whatever their number."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.records.many_rows import MOST_ROWS, ManyRows

INTO = ManyRows(
    "INSERT INTO t VALUES ", 2, " ON CONFLICT (name) DO UPDATE SET value = excluded.value"
)


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    with closing(opened()) as connection:
        yield connection


def opened() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("CREATE TABLE t (name, value, UNIQUE (name))")
    return connection


def kept(connection: sqlite3.Connection) -> list[tuple[int, object]]:
    return connection.execute("SELECT name, value FROM t ORDER BY rowid").fetchall()


@given(
    st.lists(
        st.tuples(
            st.integers(0, 40), st.none() | st.text() | st.floats(allow_nan=False) | st.binary()
        ),
        max_size=80,
    )
)
def test_it_writes_what_row_after_row_would(rows: list[tuple[int, object]]) -> None:
    with closing(opened()) as connection, closing(opened()) as one_by_one:
        encodable = [(n, v) for n, v in rows if not isinstance(v, str) or v.isprintable()]
        INTO.write(connection, iter(encodable))
        one_by_one.executemany(f"{INTO.before}(?, ?){INTO.after}", encodable)
        assert kept(connection) == kept(one_by_one)


@pytest.mark.parametrize(
    "count", [0, 1, 2, 3, MOST_ROWS - 1, MOST_ROWS, MOST_ROWS + 1, 3 * MOST_ROWS + 5]
)
def test_any_number_is_written_and_counted(connection: sqlite3.Connection, count: int) -> None:
    rows = [(num, f"row {num}") for num in range(count)]
    assert INTO.write(connection, rows) == count
    assert kept(connection) == rows


def test_few_lengths_of_a_statement_are_ever_prepared(connection: sqlite3.Connection) -> None:
    statements: set[int] = set()
    for count in range(1, 200):
        connection.set_trace_callback(lambda text: statements.add(text.count("(") - 1))
        INTO.write(connection, [(num, 0) for num in range(count)])
    assert statements == {1, 2, 4, 8, 16, 32, 64, 128}


def test_an_older_sqlite_takes_fewer_values(connection: sqlite3.Connection) -> None:
    connection.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 999)
    rows = [(num, num) for num in range(2_000)]
    assert INTO.write(connection, rows) == len(rows)
    assert kept(connection) == rows


def test_a_value_that_cannot_be_written_is_an_error(connection: sqlite3.Connection) -> None:
    with pytest.raises(sqlite3.Error):
        INTO.write(connection, [(1, 2), (3, object())])
