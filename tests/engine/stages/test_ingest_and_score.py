from pathlib import Path

from engine.config import Config
from engine.errors import ItemError
from engine.flow import ingest, score
from engine.stage import Item, MediaStage
from engine.stages.score import ScoreItem
from schemas import ScoreTrack, Video
from tests.engine.stages.examples import a_file, an_ingest_item, loaded


def test_a_video_is_what_decoding_showed_under_the_label_its_source_gave(tmp_path: Path) -> None:
    stage, path = ingest(Config()), a_file(tmp_path)
    [video] = stage.process(loaded(stage, Item("Abuse001_x264", an_ingest_item(path))))
    assert isinstance(video, Video)
    assert (video.start_seconds, video.end_seconds, video.num_frames) == (0.0, 3.0, 75)
    assert (video.is_anomalous, video.categories, video.split) == (True, ("Abuse",), "test")
    assert video.media is not None
    assert (video.media.path, video.media.width_px) == (path.name, 160)


def test_each_file_that_cannot_be_read_costs_itself_alone(tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video at all")
    stage = ingest(Config())
    assert isinstance(stage, MediaStage)
    items = [
        Item("broken", an_ingest_item(broken)),
        Item("good", an_ingest_item(a_file(tmp_path))),
    ]
    bad, good = stage.load(items)
    assert isinstance(bad, tuple)
    assert isinstance(bad[1], ItemError)
    assert (bad[0], bad[1].reason) == ("broken", "media_unreadable")
    assert isinstance(good, Item)


def deadline_of(size_bytes: int) -> float:
    stage = ingest(Config())
    assert isinstance(stage, MediaStage)
    item = an_ingest_item(Path(__file__), size_bytes=size_bytes)
    return stage.deadline_seconds([Item("x", item)])


def test_a_large_file_gets_more_time() -> None:
    assert deadline_of(10**4) < 11 < 2000 < deadline_of(10**9) < deadline_of(2 * 10**9)


def test_an_hour_at_a_very_low_rate_gets_the_time_of_an_hour() -> None:
    base, of_an_hour = 10.0, 3600 * 0.5
    assert deadline_of(25_000 * 3600) == base + of_an_hour


def test_a_huge_file_that_hangs_is_given_up_within_hours_not_days() -> None:
    assert deadline_of(10**11) == deadline_of(10**12) < 3 * 3600


def test_every_snippet_of_a_video_has_a_score_between_nothing_and_one(tmp_path: Path) -> None:
    stage = score(Config())
    [track] = stage.process(loaded(stage, Item("x", ScoreItem(a_file(tmp_path), 3.0))))
    assert isinstance(track, ScoreTrack)
    assert len(track.scores) == 5  # 75 frames are five snippets of 16, the last one short
    assert all(0.0 <= score <= 1.0 for score in track.scores)
    assert track.provenance.is_baseline
