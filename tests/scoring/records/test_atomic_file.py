from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from scoring.records import atomic_file
from scoring.records.atomic_file import atomic_text, copy_atomic, remove_leftovers
from scoring.settings import CODE_ROOT

POSIX = pytest.mark.skipif(os.name == "nt", reason="not run here: needs a POSIX system")


def test_the_new_file_takes_the_place_of_the_old(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file.txt"
    with atomic_text(path) as file:
        file.write("one")
    with atomic_text(path) as file:
        file.write("two")
        assert path.read_text() == "one"
    assert path.read_text() == "two"
    assert os.listdir(path.parent) == ["file.txt"]


def test_a_failure_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("old")

    def write_half() -> None:
        with atomic_text(path) as file:
            file.write("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_half()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["file.txt"]


KILLED = """
import os, signal, sys
from pathlib import Path
from scoring.records.atomic_file import atomic_text
with atomic_text(Path(sys.argv[1])) as file:
    file.write("half")
    file.flush()
    os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
"""


def test_a_kill_leaves_the_old_file_and_its_part_is_cleared_away(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("old")
    done = subprocess.run([sys.executable, "-c", KILLED, str(path)], cwd=CODE_ROOT, check=False)
    assert done.returncode != 0
    assert path.read_text() == "old"
    assert len(os.listdir(tmp_path)) == 2
    remove_leftovers(path)
    assert os.listdir(tmp_path) == ["file.txt"]


def write(path: Path, text: str = "new", told: list[str] | None = None) -> None:
    with atomic_text(path, tell=(told if told is not None else []).append) as file:
        file.write(text)


def as_on_windows(monkeypatch: pytest.MonkeyPatch, held: Any) -> None:
    """Rename and remove as Windows does, which refuses what is open, or whose bits forbid writing.

    ``held`` tells of a file whether another program has it open.
    """
    replace, unlink = os.replace, Path.unlink

    def refuse(path: Path) -> None:
        if path.exists() and (held(path) or not path.stat().st_mode & stat.S_IWUSR):
            raise PermissionError(errno.EACCES, "Access is denied", str(path))

    def replace_there(source: Path, target: Path) -> None:
        refuse(target)
        if held(source):
            raise PermissionError(errno.EACCES, "used by another process", str(source))
        replace(source, target)

    def unlink_there(path: Path, missing_ok: bool = False) -> None:
        refuse(path)
        unlink(path, missing_ok)

    monkeypatch.setattr(os, "replace", replace_there)
    monkeypatch.setattr(Path, "unlink", unlink_there)
    monkeypatch.setattr(atomic_file, "ON_WINDOWS", True)
    monkeypatch.setattr(atomic_file, "PATIENCE_SECONDS", (0.0, 0.0, 0.0))


def test_on_windows_a_virus_scanner_that_looks_at_the_part_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[Path] = []

    def held(path: Path) -> bool:
        looks.append(path)
        return path.suffix == ".part" and len(looks) < 4

    as_on_windows(monkeypatch, held)
    write(tmp_path / "file.txt")
    assert (tmp_path / "file.txt").read_text() == "new"
    assert os.listdir(tmp_path) == ["file.txt"]


def test_on_windows_a_file_that_is_write_protected_stays_and_nothing_is_left_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part that took its bits over could be removed by nobody: one more of them each night."""
    path = tmp_path / "file.txt"
    path.write_text("old")
    path.chmod(0o444)
    as_on_windows(monkeypatch, lambda _: False)
    with pytest.raises(PermissionError):
        write(path)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["file.txt"]


def test_a_part_that_cannot_be_removed_keeps_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file.txt"
    parts = [tmp_path / f".file.txt.{number}.part" for number in range(4)]
    for part in parts:
        part.write_text("half")
    held = next(tmp_path.glob(".file.txt.*.part"))
    as_on_windows(monkeypatch, lambda part: part == held)
    remove_leftovers(path)
    assert list(tmp_path.iterdir()) == [held]


@POSIX
def test_a_link_is_written_through(tmp_path: Path) -> None:
    """Over two links, the last of them relative, and beside the file itself."""
    share, home = tmp_path / "share", tmp_path / "home"
    share.mkdir()
    home.mkdir()
    (share / "desk.csv").write_text("old")
    (share / "current.csv").symlink_to("desk.csv")
    (home / "Results.csv").symlink_to(share / "current.csv")
    write(home / "Results.csv")
    assert (share / "desk.csv").read_text() == "new"
    assert not (share / "desk.csv").is_symlink()
    assert (home / "Results.csv").is_symlink()
    assert (share / "current.csv").is_symlink()
    assert sorted(os.listdir(share)) == ["current.csv", "desk.csv"]
    assert os.listdir(home) == ["Results.csv"]


@POSIX
def test_a_link_to_nothing_yet_has_its_file_made(tmp_path: Path) -> None:
    (tmp_path / "link.csv").symlink_to(tmp_path / "desk.csv")
    write(tmp_path / "link.csv")
    assert (tmp_path / "desk.csv").read_text() == "new"
    assert (tmp_path / "link.csv").is_symlink()


@POSIX
def test_a_share_that_is_away_behind_a_link_is_an_error_and_not_made_up(tmp_path: Path) -> None:
    (tmp_path / "link.csv").symlink_to(tmp_path / "share" / "desk.csv")
    with pytest.raises(FileNotFoundError, match="its link leads to is not there") as raised:
        write(tmp_path / "link.csv")
    assert raised.value.filename == str(tmp_path / "share" / "desk.csv")
    assert os.listdir(tmp_path) == ["link.csv"]


@POSIX
def test_links_that_run_round_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.csv").symlink_to("b.csv")
    (tmp_path / "b.csv").symlink_to("a.csv")
    with pytest.raises(OSError, match="symbolic links"):
        write(tmp_path / "a.csv")
    remove_leftovers(tmp_path / "a.csv")


@POSIX
def test_parts_behind_a_link_are_cleared_away(tmp_path: Path) -> None:
    share = tmp_path / "share"
    share.mkdir()
    (share / ".a[1].csv.0a1b2c3d.part").touch()
    (tmp_path / "link.csv").symlink_to(share / "a[1].csv")
    remove_leftovers(tmp_path / "link.csv")
    assert os.listdir(share) == []


@POSIX
def test_what_is_no_file_is_left_alone(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "null.csv").symlink_to(os.devnull)
    for name in ("pipe.csv", "folder.csv", "null.csv"):
        with pytest.raises(OSError, match="and no file"):
            write(tmp_path / name)
    assert stat.S_ISFIFO((tmp_path / "pipe.csv").stat().st_mode)
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)


@POSIX
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664, 0o666, 0o444])
def test_the_mode_is_kept(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "file.csv"
    path.write_text("old")
    path.chmod(mode)
    write(path)
    assert stat.S_IMODE(path.stat().st_mode) == mode


@POSIX
def test_a_new_file_has_the_mode_that_the_user_gives_new_files(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write(tmp_path / "file.csv")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file.csv").stat().st_mode) == 0o640


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="not run here: needs to be root"
)
def test_owner_and_group_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    path.write_text("old")
    os.chown(path, 1234, 4321)
    told: list[str] = []
    write(path, told=told)
    assert (path.stat().st_uid, path.stat().st_gid) == (1234, 4321)
    assert told == []


@POSIX
def test_an_owner_that_may_not_be_kept_is_told_and_the_file_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test plays the other owner: only an administrator could make a real one."""
    path = tmp_path / "file.csv"
    path.write_text("old")
    path.chmod(0o640)
    real = os.stat

    def stat_of_another(name: Any, **how: Any) -> Any:
        status = real(name, **how)
        if name != path:
            return status
        values = list(status)
        values[stat.ST_UID] += 1
        return os.stat_result(values)

    def refused(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "stat", stat_of_another)
    monkeypatch.setattr(os, "chown", refused)
    told: list[str] = []
    write(path, told=told)
    assert path.read_text() == "new"
    assert len(told) == 1
    assert "belonged to another user" in told[0]
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.skipif(not hasattr(os, "setxattr"), reason="not run here: needs extended attributes")
def test_what_stands_beside_the_file_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    path.write_text("old")
    try:
        os.setxattr(path, "user.department", b"refunds")
    except OSError:
        pytest.skip("not run here: this file system has no extended attributes")
    write(path)
    assert os.getxattr(path, "user.department") == b"refunds"


def refuse_folders(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    """Let fsync fail for folders, as a share does, and work for files."""
    real = os.fsync

    def fsync(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(code, os.strerror(code))
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)


@POSIX
@pytest.mark.parametrize("name", ["EINVAL", "ENOTSUP", "ENOSYS", "EACCES", "EPERM", "EBADF"])
def test_a_share_that_cannot_sync_a_folder_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    refuse_folders(monkeypatch, getattr(errno, name))
    write(tmp_path / "one.csv")
    copy_atomic(tmp_path / "one.csv", tmp_path / "two.csv")
    assert (tmp_path / "two.csv").read_text() == "new"


@POSIX
@pytest.mark.parametrize("name", ["EIO", "ENOSPC"])
def test_an_error_of_the_disk_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    refuse_folders(monkeypatch, getattr(errno, name))
    with pytest.raises(OSError, match=os.strerror(getattr(errno, name))):
        write(tmp_path / "one.csv")
