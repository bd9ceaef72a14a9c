"""Which files of a batch are images: by suffix, by content, litter left out, whatever its shape."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from scoring.batches import folder_listing
from scoring.batches.image_folder import list_images
from scoring.batches.left_out import NAMED
from scoring.protocol.errors import BatchUnreadable
from scoring.records.regular_file import open_regular
from scoring.settings import BatchesSettings
from tests.deep_folders import deep_folder

RULES = BatchesSettings()
PICTURE = np.random.default_rng(3).integers(0, 255, (20, 16, 3), np.uint8)
JPEG = cv2.imencode(".jpg", PICTURE)[1].tobytes()
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")
posix_only = pytest.mark.skipif(os.name == "nt", reason="needs POSIX names and kinds")


def write(folder: Path, *names: str, data: bytes = JPEG) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


@posix_only
def test_an_image_by_content_is_a_candidate_whatever_it_is_called(tmp_path: Path) -> None:
    names = ["no-suffix", "got.jpg?width=200", "blank.jpg ", "again.jpg.1", "x.jpg.bak", "y.txt"]
    write(tmp_path, *names)
    images = list_images(tmp_path, RULES)
    assert sorted(images) == sorted(names)
    assert not images.left_out.kinds


@pytest.mark.parametrize("suffix", sorted(folder_listing.IMAGE_SUFFIXES))
def test_a_destroyed_picture_is_a_candidate_by_its_suffix(tmp_path: Path, suffix: str) -> None:
    write(tmp_path, f"empty{suffix}", data=b"")
    write(tmp_path, f"DESTROYED{suffix.upper()}", data=b"\0" * 4096)
    assert len(list_images(tmp_path, RULES)) == 2


def test_files_with_a_known_suffix_are_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "1.jpg", "2.png", "3.txt", data=b"plain text")
    opened: list[bytes] = []

    def noting(path: bytes) -> tuple[int, os.stat_result]:
        opened.append(os.path.basename(path))
        return open_regular(path)

    monkeypatch.setattr(folder_listing, "open_regular", noting)
    assert list(list_images(tmp_path, RULES)) == ["1.jpg", "2.png"]
    assert opened == [b"3.txt"]


def test_what_is_no_image_is_told_by_kind(tmp_path: Path) -> None:
    write(tmp_path, "a.txt", "b/c.TXT", "d.mp4", "README", f"x.{'y' * 30}", data=b"no image")
    told = list_images(tmp_path, RULES).left_out.tell_kinds()
    assert told == "2 .txt, 1 .mp4, 1 of a long suffix, 1 without suffix"


def test_the_kinds_are_told_in_bounded_words(tmp_path: Path) -> None:
    write(tmp_path, *(f"file.k{number}" for number in range(3 * NAMED)), data=b"no image")
    told = list_images(tmp_path, RULES).left_out.tell_kinds()
    assert told.endswith(f", {2 * NAMED} others")
    assert len(told) < 400


def test_litter_is_left_out_and_counted_by_pattern(tmp_path: Path) -> None:
    write(tmp_path, "1.jpg", "@eaDir/1.jpg/THUMB_M.jpg", "a/@EADIR/x.jpg", "#recycle/gone.jpg")
    write(tmp_path, "$RECYCLE.BIN/S-1-5/gone.jpg", "lost+found/old.jpg", "__MACOSX/1.jpg")
    write(tmp_path, ".Trash-1000/files/x.jpg", "._1.jpg", "half.jpg.part", ".x.jpg", "~$a.docx")
    images = list_images(tmp_path, RULES)
    assert list(images) == ["1.jpg"]
    assert images.left_out.litter == {
        "@eaDir": 2, "#recycle": 1, "$RECYCLE.BIN": 1, "lost+found": 1, "__MACOSX": 1,
        ".Trash-*": 1, "._*": 1, "*.part": 1, "hidden": 1, "~$*": 1,
    }  # fmt: skip
    assert images.left_out.tell_litter().startswith("2 @eaDir, 1 #recycle")


def test_what_is_litter_is_a_setting(tmp_path: Path) -> None:
    write(tmp_path, "@eaDir/1.jpg", "drafts/2.jpg", "final/3.jpg")
    images = list_images(tmp_path, BatchesSettings(litter=("draft?",)))
    assert list(images) == ["@eaDir/1.jpg", "final/3.jpg"]


@linux_only
def test_a_folder_deeper_than_python_recurses_costs_nothing(tmp_path: Path) -> None:
    write(tmp_path, "beside.jpg")
    with deep_folder(tmp_path, "d", 1_200, JPEG) as picture:
        assert list(list_images(tmp_path, RULES)) == ["beside.jpg", picture]


@linux_only
def test_a_path_longer_than_the_system_opens_is_named(tmp_path: Path) -> None:
    write(tmp_path, "beside.jpg")
    with deep_folder(tmp_path, "d" * 200, 25, JPEG):
        images = list_images(tmp_path, RULES)
    assert list(images) == ["beside.jpg"]
    assert images.left_out.reasons == {"File name too long": 1}
    told = images.left_out.tell_unreadable()
    assert told.startswith("1 File name too long: ddd")
    assert len(told) < 300


@pytest.fixture
def closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder named "closed…" that the system refuses to list, also to root."""
    scan = os.scandir

    def refusing(path: bytes) -> object:
        if os.path.basename(path).startswith(b"closed"):
            raise PermissionError(13, "Permission denied")
        return scan(path)

    monkeypatch.setattr(os, "scandir", refusing)
    return tmp_path / "closed"


def test_a_closed_subfolder_is_named_and_costs_no_other(closed: Path) -> None:
    top = closed.parent
    write(top, "1.jpg", "open/2.jpg", *(f"closed{number}/x.jpg" for number in range(30)))
    images = list_images(top, RULES)
    assert list(images) == ["1.jpg", "open/2.jpg"]
    told = images.left_out.tell_unreadable()
    assert told.startswith("30 Permission denied: closed")
    assert told.endswith(" and 10 more")


def test_a_closed_batch_is_an_error_that_says_so(closed: Path) -> None:
    write(closed, "1.jpg")
    with pytest.raises(BatchUnreadable, match="Permission denied"):
        list_images(closed, RULES)
    with pytest.raises(BatchUnreadable, match="No such file"):
        list_images(closed.with_name("gone"), RULES)


def test_a_folder_that_leads_back_into_itself_is_looked_into_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A junction or a mount can do that; here two folders have one number."""
    write(tmp_path, "a/1.jpg", "a/b/2.jpg")
    identity = folder_listing._identity

    def looping(path: bytes) -> tuple[int, int]:
        return identity(os.path.dirname(path) if path.endswith(b"/b") else path)

    monkeypatch.setattr(folder_listing, "_identity", looping)
    images = list_images(tmp_path, RULES)
    assert list(images) == ["a/1.jpg"]
    assert "leads back to a folder that it lies in: a/b" in images.left_out.tell_unreadable()


def test_a_drive_that_does_not_answer_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = os.pipe()
    monkeypatch.setattr(folder_listing, "_identity", lambda _: os.read(blocked[0], 1))
    with pytest.raises(BatchUnreadable, match=r"nothing came from it for 0\.2 s"):
        list_images(tmp_path, BatchesSettings(file_seconds=0.2))
    os.write(blocked[1], b"x")
    for end in blocked:
        os.close(end)
