"""A folder's images are those of every run on one machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster.sources import FolderSource, source_at, stamp_of
from scoring.batches.image_folder import list_images
from scoring.protocol.errors import BatchMissing
from scoring.settings import Settings


def test_a_batch_goes_by_its_name_and_lists_as_always(mixed: Path, settings: Settings) -> None:
    source = source_at("mixed", settings)
    assert isinstance(source, FolderSource)
    assert (source.batch, source.place) == ("mixed", str(mixed))
    assert list(source.images(settings.batches)) == list(list_images(mixed, settings.batches))
    with pytest.raises(BatchMissing):
        source_at("no-such-batch", settings)


def test_a_stamp_changes_with_the_file(mixed: Path, settings: Settings) -> None:
    source = source_at(str(mixed), settings)
    before = source.stamp("img_1.png")
    (mixed / "img_1.png").write_bytes(b"other")
    assert source.stamp("img_1.png") != before
    (mixed / "img_1.png").unlink()
    assert source.stamp("img_1.png") == ""


@pytest.mark.parametrize(
    ("facts", "stamp"),
    [
        ({"size": 5, "ETag": '"a"', "mtime": 1}, '5:"a"'),
        ({"size": 5, "mtime": 1}, "5:1"),
        ({"size": 5}, "5:"),
    ],
)
def test_an_object_is_known_by_its_tag_or_its_time(facts: dict[str, object], stamp: str) -> None:
    assert stamp_of(facts) == stamp
