"""Ray itself: several nodes on this machine, and one of them killed in the middle."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from cluster.engine import check_address
from cluster.errors import ClusterFailed
from scoring.protocol.errors import ExitCode, UsageError
from scoring.settings import CODE_ROOT
from tests.cluster.conftest import REASON
from tests.cluster.nodes import free_port, kill, node, s3_server

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("ray_here", "server_url")]


@pytest.fixture
def ray_here() -> None:
    pytest.importorskip("ray", reason=f"ray: {REASON}")


# The server takes any.
S3_KEYS = {
    "AWS_ACCESS_KEY_ID": "any",
    "AWS_SECRET_ACCESS_KEY": "any",
    "AWS_DEFAULT_REGION": "us-east-1",
}


def cluster(
    project: Path, *flags: str, folder: str = "mixed", out: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run the command as a person does."""
    place = out or str(project / "out")
    return subprocess.run(
        [sys.executable, "-m", "cluster", folder, "--out", place, *flags],
        cwd=CODE_ROOT, capture_output=True, text=True, check=False, env=dict(os.environ),
    )  # fmt: skip


def test_a_machine_alone_writes_what_the_client_writes(project: Path, mixed: Path) -> None:
    from client.request import main as request

    done = cluster(project, "--partition", "8", "--results", str(project / "cluster.csv"))
    assert done.returncode == 0, done.stderr
    assert "37 images in 5 partitions (0 kept), 3 failed" in done.stderr
    assert request(["mixed"]) == 0
    assert (project / "cluster.csv").read_bytes() == (project / "Results.csv").read_bytes()


def test_what_a_node_cannot_do_is_told_in_its_words(project: Path, mixed: Path) -> None:
    """Its partition can take no place, as on a disk that is full."""
    assert cluster(project).returncode == 0
    ((part,),) = [(project / "out").glob("part-*")]
    part.unlink()
    part.mkdir()
    (part / "is in the way").touch()
    # It is scored anew, for a file of its name is not there.
    (mixed / "another.txt").touch()
    done = cluster(project)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == f"error: {part}: Is a directory"


@pytest.mark.skipif(sys.platform == "win32", reason="no other program can send it there")
def test_who_is_told_to_stop_says_so_and_goes_on_later(project: Path, mixed: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "cluster", "mixed", "--out", str(project / "out"),
         "--partition", "1"],
        cwd=CODE_ROOT, stderr=subprocess.PIPE, text=True,
    ) as run:  # fmt: skip
        assert run.stderr
        for line in run.stderr:
            if line.startswith("1 of 37"):
                run.terminate()
        assert run.wait() == ExitCode.PARTIAL
        assert line == "stopped; the same command goes on where it was\n"
    done = cluster(project)
    assert done.returncode == 0, done.stderr
    assert "(0 kept)" not in done.stderr


def test_a_node_that_dies_in_the_middle_costs_nothing(
    project: Path, mixed: Path, tmp_path: Path
) -> None:
    from client.request import main as request

    port = free_port()
    head = ("--head", f"--port={port}", "--include-dashboard=false")
    with (
        # A socket's path has 107 bytes at most: pytest's folders are too deep for it.
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home,
        node(tmp_path / "a.log", *head, f"--temp-dir={home}"),
        node(tmp_path / "b.log", f"--address=127.0.0.1:{port}") as second,
        subprocess.Popen(
            [sys.executable, "-m", "cluster", "mixed", "--out", str(project / "out"),
             "--results", str(project / "cluster.csv"), "--partition", "2",
             "--address", f"127.0.0.1:{port}"],
            cwd=CODE_ROOT, stderr=subprocess.PIPE, text=True,
        ) as run,
    ):  # fmt: skip
        assert run.stderr
        lines = []
        for line in run.stderr:
            lines.append(line)
            if line.startswith("3 of 19"):
                kill(second)
        assert run.wait() == 0, "".join(lines)
    assert request(["mixed"]) == 0
    assert (project / "cluster.csv").read_bytes() == (project / "Results.csv").read_bytes()


def test_images_and_partitions_lie_in_object_storage(
    project: Path, mixed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = os.environ.get("MOTO_SERVER")
    if not program:
        pytest.skip("MOTO_SERVER: make cluster sets it up and says where it is")
    from pyarrow import fs

    from client.request import main as request

    for name, value in S3_KEYS.items():
        monkeypatch.setenv(name, value)
    with s3_server(os.path.abspath(program), tmp_path / "s3.log") as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        store, _ = fs.FileSystem.from_uri("s3://night/images?allow_bucket_creation=true")
        store.create_dir("night")
        fs.copy_files(str(mixed), "night/images", destination_filesystem=store)
        done = cluster(
            project, "--partition", "8", "--results", str(project / "cluster.csv"),
            folder="s3://night/images", out="s3://night/out",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert "37 images in 5 partitions (0 kept), 3 failed" in done.stderr
    assert request(["mixed"]) == 0
    theirs = (project / "Results.csv").read_text(encoding="utf-8-sig")
    ours = (project / "cluster.csv").read_text(encoding="utf-8-sig")
    assert ours == theirs.replace(",mixed,", ",s3://night/images,")


@pytest.mark.parametrize(
    "address", ["foo", ":1", "host:", "host:0", "host:70000", "ray://host:1", "host:x"]
)
def test_what_is_no_address_is_told(address: str) -> None:
    with pytest.raises(UsageError, match=f"--address {address}: give HOST:PORT"):
        check_address(address)


def test_where_no_cluster_is_none_is_waited_for() -> None:
    with pytest.raises(ClusterFailed, match=r"no Ray cluster at 127\.0\.0\.1:\d+: Connection"):
        check_address(f"127.0.0.1:{free_port()}")
