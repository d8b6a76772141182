"""One round of the loop, on a dataset whose features tell what is abnormal."""

from pathlib import Path

import pytest

from engine.dataset import Dataset
from engine.index import Index
from schemas import Event, ScoreTrack
from tests.engine.cli.command_line import vau

pytest.importorskip("torch")
pytest.importorskip("tensorboard")


@pytest.fixture
def featured_dataset(tmp_path: Path) -> Dataset:
    from tests.train.scorer.featured import featured, some_clips

    return featured(tmp_path / "ds", some_clips(6))


def test_a_round_trains_scores_proposes_and_says_what_changed(featured_dataset: Dataset) -> None:
    home = featured_dataset.dir_path
    assert vau("propose", "--quiet", cwd=home).code == 0
    loop = ("loop", "--recipe", "laptop", "--steps", 60, "--quiet", "--device", "cpu")
    first = vau(*loop, "--json", cwd=home)
    assert first.code == 0, first.err
    assert [row["stage"] for row in first.json["stages"]] == ["features", "score", "propose"]
    assert len(first.json["score_changes"]) == 12
    moved = [change for change in first.json["event_changes"] if change["kind"] == "moved"]
    assert moved
    index = Index(featured_dataset)
    assert {t.provenance.name.split("/")[0] for t in index.all(ScoreTrack)} == {"scorer"}
    now = {(e.start_seconds, e.end_seconds) for e in index.all(Event)}
    assert {tuple(change["after"]) for change in moved} <= now
    again = vau(*loop, cwd=home)
    assert again.code == 0, again.err
    assert "events: 0 moved, 0 added, 0 gone" in again.out
    assert "scores: 0 changed; 0 new" in again.out


def test_a_round_without_anything_to_learn_from_says_so(dataset: Path) -> None:
    outcome = vau("loop", "--recipe", "laptop", "--quiet", cwd=dataset)
    assert outcome.code == 2
    assert "error: " in outcome.err
