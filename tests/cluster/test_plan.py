"""Partitions come of the listing alone, and a file that changed has another one."""

from __future__ import annotations

import os

import pytest

from cluster.plan import Partition, is_partition, out_of_date, partitions_of, still_to_score

PATHS = [f"img_{number}.png" for number in range(1, 11)]


def cut(paths: list[str], rows: int = 4, changed: str = "") -> list[Partition]:
    return list(partitions_of(paths, lambda path: "new" if path == changed else "old", rows))


def test_each_image_is_in_one_partition_under_its_number() -> None:
    partitions = cut(PATHS)
    assert [path for one in partitions for path in one.paths()] == PATHS
    assert [(one.index, one.first) for one in partitions] == [(0, 1), (1, 5), (2, 9)]
    assert all(is_partition(one.file) for one in partitions)


def test_the_same_listing_gives_the_same_files() -> None:
    assert cut(PATHS) == cut(list(PATHS))
    assert cut([]) == []


def test_names_that_are_no_text_travel_as_they_are() -> None:
    odd = [os.fsdecode(b"\xff.png"), "a\\b.png", "é.png", "two\nlines.png"]
    (partition,) = cut(odd)
    assert partition.paths() == odd


@pytest.mark.parametrize(
    ("listing", "changed", "kept"),
    [
        ([*PATHS, "img_11.png"], "", 2),
        ([*PATHS, *("zz.png",) * 1], "img_10.png", 2),
        (PATHS, "img_5.png", 2),
        (PATHS[1:], "", 0),
        (["0.png", *PATHS], "", 0),
    ],
    ids=["one more at the end", "the last changed", "one changed", "the first is gone", "one more"],
)
def test_only_what_changed_is_scored_again(listing: list[str], changed: str, kept: int) -> None:
    there = {one.file for one in cut(PATHS)}
    now = cut(listing, changed=changed)
    assert len(now) - len(still_to_score(now, there)) == kept
    assert len(out_of_date(now, there)) == len(there) - kept


def test_other_files_beside_the_partitions_are_nobodys_business() -> None:
    assert out_of_date([], {"_manifest.json", "notes.txt", "part-1.csv"}) == []
