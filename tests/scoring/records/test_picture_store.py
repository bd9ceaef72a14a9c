"""Pictures are kept, shown, pruned and forgotten; nothing that befalls their file costs a run."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest
from msgspec.structs import replace
from numpy.typing import NDArray

from scoring.protocol.errors import PicturesDamaged, PicturesError
from scoring.protocol.signature import PreprocessingRef
from scoring.records.kept_picture import KeptPicture, SeenPixels, Wanted, read_pixels, seen_as
from scoring.records.picture_rows import AT_ONCE
from scoring.records.picture_store import PictureStore
from tests.deadlines import DEADLINE

NOW = datetime(2026, 11, 21, 18, 5, tzinfo=UTC)
GARMENT, GREY = PreprocessingRef("garment", 2), (28, 28, 1)
PHOTO, COLOUR = PreprocessingRef("photo", 2), (224, 224, 3)
SECRET = b"nobody is to see this picture again "


def pixels(seed: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (28, 28, 1), dtype=np.uint8)


def kept(number: int, picture: bytes = b"", batch: str = "G1") -> KeptPicture:
    content_hash = hashlib.sha256(str(number).encode()).hexdigest()
    return KeptPicture(
        batch,
        f"{number}.png",
        content_hash,
        picture or f"picture {number} ".encode() * 200,
        "image/png",
        near=2**64 - 1 - number,
        seen=SeenPixels.of(GARMENT, GREY, pixels(number)),
    )


def always(batch: str, path: str, content_hash: str) -> bool:
    return True


def never(batch: str, path: str, content_hash: str) -> bool:
    return False


@pytest.fixture
def store(tmp_path: Path) -> PictureStore:
    return PictureStore(tmp_path / "data" / "pictures.db", busy_seconds=0.2)


def test_what_was_kept_is_shown(store: PictureStore) -> None:
    one = kept(1)
    assert store.keep([one, kept(2)], NOW) == 2
    assert store.thumbnail(one.content_hash) == (one.picture, "image/png")
    assert store.near(one.content_hash) == one.near
    assert store.has(one.content_hash)
    seen = store.seen(one.content_hash, GARMENT, GREY)
    assert seen is not None
    assert np.array_equal(seen, pixels(1))
    assert store.seen(one.content_hash, PreprocessingRef("garment", 1), GREY) is None
    assert store.thumbnail(kept(3).content_hash) is None
    assert store.trouble == ""


def test_looking_makes_nothing(store: PictureStore) -> None:
    assert store.thumbnail("x") is None
    assert store.seen("x", GARMENT, GREY) is None
    assert store.near("x") is None
    assert store.size_bytes == 0
    assert not store.path.parent.exists()


@pytest.mark.skipif(os.name == "nt", reason="rights are another matter there")
def test_nobody_else_may_read_it(store: PictureStore) -> None:
    store.keep([kept(1)], NOW)
    for path in store.path.parent.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_is_kept_twice_stays_as_it_was_and_gets_what_it_lacked(store: PictureStore) -> None:
    one = kept(1)
    store.keep([replace(one, seen=None)], NOW)
    assert store.keep([replace(one, picture=b"other", batch="G2")], NOW) == 0
    assert store.thumbnail(one.content_hash) == (one.picture, "image/png")
    assert store.seen(one.content_hash, GARMENT, GREY) is not None


def test_all_of_some_pictures_are_kept_or_none(store: PictureStore) -> None:
    def broken_off() -> Iterator[KeptPicture]:
        yield kept(1)
        raise KeyError("the power went")

    with pytest.raises(KeyError):
        store.keep(broken_off(), NOW)
    assert not store.has(kept(1).content_hash)
    assert store.keep([kept(1)], NOW) == 1


def test_what_lacks_is_told_by_content_and_by_model(store: PictureStore) -> None:
    store.keep([kept(1), replace(kept(2), seen=None)], NOW)
    images = [Wanted("G2", f"{n}.png", kept(n).content_hash, "v1") for n in (1, 2, 3)]
    seen_by = {"v1": seen_as(GARMENT, GREY), "v2": seen_as(PHOTO, COLOUR)}
    assert store.lacking(images, seen_by) == images[1:]
    assert store.lacking([replace(images[0], model_version="v2")], seen_by) != []
    assert store.lacking([replace(images[1], model_version="")], seen_by) == []


def test_what_lacks_of_more_than_one_statement_asks_for(store: PictureStore) -> None:
    many = 2 * AT_ONCE + 1
    store.keep([kept(n) for n in range(0, many, 2)], NOW)
    store.forget(kept(many - 1).content_hash)
    images = [Wanted("G1", f"{n}.png", kept(n).content_hash) for n in range(many)]
    assert store.lacking(images, {}) == [images[n] for n in range(1, many, 2)]
    assert store.keep([kept(n) for n in range(many)], NOW) == many // 2
    assert not store.has(kept(many - 1).content_hash)


# Photographs


def photograph() -> NDArray[np.uint8]:
    coarse = np.random.default_rng(0).integers(30, 220, (14, 14, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(coarse, (224, 224), interpolation=cv2.INTER_CUBIC), np.uint8)


def test_a_photograph_is_kept_nearly_as_it_was_seen_in_a_fraction_of_the_room() -> None:
    seen = SeenPixels.of(PHOTO, COLOUR, photograph().reshape(-1))
    again = read_pixels(seen.coding, seen.data, COLOUR)
    assert again is not None
    assert again.shape == COLOUR
    assert again.dtype == np.uint8
    assert len(seen.data) < photograph().size / 5
    assert np.abs(again.astype(int) - photograph()).mean() < 2


def test_pixels_that_nobody_can_read_are_none() -> None:
    assert read_pixels("jpeg", b"no JPEG", COLOUR) is None
    assert read_pixels("raw", b"too few", GREY) is None
    whole = SeenPixels.of(PHOTO, COLOUR, photograph())
    assert read_pixels(whole.coding, whole.data, (224, 112, 3)) is None


# Forget


def everything_on_disk(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_a_forgotten_picture_is_gone_from_the_disk_and_never_kept_again(
    store: PictureStore,
) -> None:
    private = kept(1, SECRET * 300)
    store.keep([private, kept(2)], NOW)
    assert SECRET in everything_on_disk(store.path.parent)
    with PictureStore(store.path, 0.2) as desk:  # it looks on
        assert desk.has(private.content_hash)
        assert store.forget(private.content_hash)
        assert desk.thumbnail(private.content_hash) is None
        assert SECRET not in everything_on_disk(store.path.parent)
    assert store.seen(private.content_hash, GARMENT, GREY) is None
    assert store.keep([private], NOW) == 0
    assert store.lacking([Wanted("G1", "1.png", private.content_hash)], {}) == []
    assert not store.has(private.content_hash)
    assert store.has(kept(2).content_hash)
    assert not store.forget(private.content_hash)


def test_a_damaged_store_that_was_set_aside_goes_with_the_first_forgotten(
    store: PictureStore,
) -> None:
    store.keep([kept(1, SECRET * 300)], NOW)
    store.renew()
    assert SECRET in everything_on_disk(store.path.parent)
    assert not store.forget(kept(1).content_hash)
    assert SECRET not in everything_on_disk(store.path.parent)


def test_what_a_reader_keeps_in_the_log_is_said(store: PictureStore) -> None:
    store.keep([kept(1)], NOW)
    with closing(sqlite3.connect(store.path)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM pictures").fetchone()
        with pytest.raises(PicturesError, match="try again"):
            store.forget(kept(1).content_hash)
        reader.rollback()
        assert not store.forget(kept(1).content_hash)


# Prune


def test_what_nobody_knows_any_more_goes_but_what_was_reviewed(store: PictureStore) -> None:
    store.keep([kept(number) for number in range(1, 5)], NOW)
    store.keep([kept(5)], NOW + timedelta(days=1))

    def pruned() -> int:
        return store.prune(
            most_bytes=10**9,
            before=NOW + timedelta(hours=1),
            known=lambda batch, path, _: (batch, path) == ("G1", "2.png"),
            reviewed=lambda batch, path, content_hash: content_hash == kept(3).content_hash,
        )

    assert pruned() == 2
    left = [number for number in range(1, 6) if store.has(kept(number).content_hash)]
    assert left == [2, 3, 5]
    assert store.seen(kept(1).content_hash, GARMENT, GREY) is None
    assert pruned() == 0


def test_an_image_of_another_name_with_the_same_content_keeps_its_picture(
    store: PictureStore,
) -> None:
    store.keep([kept(1)], NOW)
    store.lacking([Wanted("G2", "copy.png", kept(1).content_hash)], {})
    store.prune(
        most_bytes=10**9,
        before=NOW + timedelta(days=1),
        known=lambda batch, path, _: (batch, path) == ("G2", "copy.png"),
        reviewed=never,
    )
    assert store.has(kept(1).content_hash)


def test_past_its_bytes_the_oldest_go_that_nobody_reviewed(store: PictureStore) -> None:
    for number in range(1, 21):
        store.keep([kept(number, os.urandom(20_000))], NOW + timedelta(minutes=number))
    before, size = NOW - timedelta(days=1), store.size_bytes
    gone = store.prune(
        most_bytes=size // 2,
        before=before,
        known=always,
        reviewed=lambda batch, path, _: path == "1.png",
    )
    assert 9 <= gone <= 12
    left = [number for number in range(1, 21) if store.has(kept(number).content_hash)]
    assert left == [1, *range(gone + 2, 21)]
    assert store.size_bytes <= size // 2
    store.close()  # what its log has is in the file from now on
    assert store.path.stat().st_size <= size // 2 + 4096
    assert store.prune(most_bytes=0, before=before, known=always, reviewed=never) == 20 - gone
    assert store.prune(most_bytes=0, before=before, known=always, reviewed=never) == 0


def test_reviewed_pictures_stay_whatever_room_they_take(store: PictureStore) -> None:
    store.keep([kept(1), kept(2)], NOW)
    assert store.prune(most_bytes=0, before=NOW, known=never, reviewed=always) == 0
    assert store.has(kept(1).content_hash)


# Faults


def damage(path: Path) -> None:
    """Overwrite all but the head, as a disk does that dies."""
    for side in ("-wal", "-shm"):
        Path(f"{path}{side}").unlink(missing_ok=True)
    data = path.read_bytes()
    path.write_bytes(data[:100] + b"\x5a" * (len(data) - 100))


@pytest.mark.parametrize("how", ["damaged", "no database"])
def test_a_damaged_store_shows_nothing_and_is_made_anew(store: PictureStore, how: str) -> None:
    store.keep([kept(1)], NOW)
    store.close()
    if how == "damaged":
        damage(store.path)
    else:
        store.path.write_bytes(b"a letter to the editor, not a database at all" * 50)
    assert store.thumbnail(kept(1).content_hash) is None
    assert store.size_bytes == 0
    assert "damaged" in store.trouble
    with pytest.raises(PicturesDamaged):
        store.keep([kept(2)], NOW)
    assert "pictures.damaged.db" in store.renew()
    assert store.keep([kept(2)], NOW) == 1
    assert (store.path.with_name("pictures.damaged.db")).exists()


def test_who_looks_on_finds_the_new_store_under_its_old_name(store: PictureStore) -> None:
    store.keep([kept(1)], NOW)
    with PictureStore(store.path, 0.2) as desk:
        assert desk.has(kept(1).content_hash)
        if os.name == "nt":
            desk.close()  # nobody can move a file there that is open
        store.renew()
        store.keep([kept(2)], NOW)
        assert not desk.has(kept(1).content_hash)
        assert desk.has(kept(2).content_hash)


def test_a_store_of_a_newer_version_is_left_alone(store: PictureStore) -> None:
    store.keep([kept(1)], NOW)
    store.close()
    with closing(sqlite3.connect(store.path)) as newer:
        newer.execute("PRAGMA user_version = 99")
    assert store.thumbnail(kept(1).content_hash) is None
    assert "newer version" in store.trouble
    with pytest.raises(PicturesError, match="newer version") as caught:
        store.keep([kept(2)], NOW)
    assert not isinstance(caught.value, PicturesDamaged)


def test_a_locked_store_is_told_and_works_again(store: PictureStore) -> None:
    store.keep([kept(1)], NOW)
    with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(PicturesError, match="locked"):
            store.keep([kept(2)], NOW)
        assert store.has(kept(1).content_hash)
        other.execute("ROLLBACK")
    assert store.keep([kept(2)], NOW) == 1


def test_a_folder_in_its_place_is_told(store: PictureStore) -> None:
    store.path.mkdir(parents=True)
    with pytest.raises(PicturesError):
        store.keep([kept(1)], NOW)
    assert store.thumbnail(kept(1).content_hash) is None


def test_a_disk_that_is_full_costs_nothing_that_was_kept(store: PictureStore) -> None:
    store.keep([kept(1)], NOW)
    with store._writing() as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
    store._file._connection.execute(f"PRAGMA max_page_count = {pages + 2}")  # type: ignore[union-attr]
    with pytest.raises(PicturesError, match="full"):
        store.keep([kept(2, os.urandom(100_000))], NOW)
    assert store.has(kept(1).content_hash)
    assert not store.has(kept(2).content_hash)


def test_many_threads_look_while_one_keeps(store: PictureStore) -> None:
    missing: list[int] = []

    def look(first: int) -> None:
        for number in range(first, 40, 4):
            while not store.has(kept(number).content_hash):
                if store.trouble:
                    missing.append(number)
                    return

    threads = [threading.Thread(target=look, args=(first,)) for first in range(4)]
    for thread in threads:
        thread.start()
    for number in range(40):
        store.keep([kept(number)], NOW)
    for thread in threads:
        thread.join(DEADLINE)
    assert missing == []
    assert not any(thread.is_alive() for thread in threads)


def test_pictures_of_reports_stay_until_their_run_goes_or_they_are_forgotten(
    store: PictureStore,
) -> None:
    assert store.reported("r1") == {}
    store.forget("never")
    pictures = {"d1": (b"one", "image/png"), "d2": (b"two", "image/jpeg")}
    store.keep_reported("r1", {**pictures, "never": (b"x", "image/png")})
    store.keep_reported("r2", {"d1": (b"one", "image/png")})
    assert store.reported("r1") == pictures
    assert store.reported("r2") == {"d1": pictures["d1"]}
    store.prune_reported(lambda run_id: run_id == "r1")
    assert store.reported("r2") == {}
    assert store.reported("r1") == pictures
    store.forget("d1")
    assert store.reported("r1") == {"d2": (b"two", "image/jpeg")}
