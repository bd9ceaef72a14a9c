"""A promoted model scores what is new, and nothing again only because it is another one."""

import json
from contextlib import closing
from pathlib import Path

from client.request import main
from scoring.records.ledger import Ledger
from scoring.settings import load_settings
from tests.conftest import running_server, write_batch
from tests.server.test_promoted_models import promote, retrained


def versions(project: Path) -> list[tuple[str, str]]:
    """Return which version scored each picture, by the picture's path."""
    with closing(Ledger.from_settings(load_settings())) as ledger:
        rows = ledger.database.query(
            "SELECT path, model_version FROM predictions ORDER BY path, id"
        )
    return [(path, version) for path, version in rows]


def test_a_night_after_a_promotion_scores_what_is_new(project: Path) -> None:
    settings = load_settings()
    batch = project / "image_batches" / "G1"
    write_batch(batch, 3)
    with running_server(settings) as url:
        assert main(["G1", "--new", "--server", url]) == 0
    before = versions(project)
    promoted = retrained(settings).name
    promote(settings, json.dumps({"fashion": promoted}))
    with running_server(settings) as url:
        assert main(["G1", "--new", "--server", url]) == 0
        assert versions(project) == before
        extra = write_batch(project / "more", 1, seed=7)[0]
        extra.rename(batch / "img_9.png")
        assert main(["G1", "--new", "--server", url]) == 0
        assert versions(project) == [*before, ("img_9.png", promoted)]
        assert main(["G1", "--server", url]) == 0
    # By hand the whole batch is scored anew, by the one that serves.
    assert {(path, promoted) for path, _ in before} < set(versions(project))
