from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed (make install-train)")

from engine.errors import UsageError
from schemas.base import Split
from tests.builders import a_dataset, a_feature_track
from tests.train.scorer.featured import Clip, featured, some_clips
from train.scorer.corpus import abnormal_shares, load_corpus, place_of
from train.scorer.split import divide, source_of


@dataclass(frozen=True)
class Video:
    id: str
    is_abnormal: bool = True
    split: Split | None = "train"


def test_a_click_falls_where_the_published_formula_puts_it() -> None:
    track = a_feature_track(
        num_snippets=40, snippet_starts_seconds=tuple(n * 0.64 for n in range(40)), end_seconds=25.6
    )
    for frame in (0, 15, 16, 333, 639):
        place = place_of(frame / 25 + 1e-6, track)
        assert int(place * 200) == int((frame / 16) / 40 * 200)


def test_a_click_at_the_end_is_in_the_last_snippet() -> None:
    track = a_feature_track()
    assert 0.5 < place_of(track.end_seconds, track) < 1
    assert place_of(-1.0, track) == 0


def test_a_snippet_counts_by_the_share_of_it_that_is_abnormal_overlaps_once() -> None:
    track = a_feature_track(
        num_snippets=4, snippet_starts_seconds=(0.0, 1.0, 2.0, 3.0), end_seconds=3.5
    )
    shares = abnormal_shares([(0.5, 2.25), (1.0, 2.0), (3.25, 9.0)], track)
    assert shares.tolist() == [0.5, 1.0, 0.25, 0.5]


def test_cuts_of_one_source_go_to_the_same_part() -> None:
    assert source_of("Bad.Boys.1995__#01-11-55_01-12-40_label_G-B2-B6") == "Bad.Boys.1995"
    assert source_of("RoadAccidents133_x264_270_451") == "RoadAccidents133_x264"
    assert source_of("Abuse001_x264") == "Abuse001_x264"
    cuts = [Video(f"film{film}__#{cut}") for film in range(8) for cut in range(5)]
    parts = divide(cuts, share=0.25)
    assert len(parts.validation) == 10
    assert not {map(source_of, parts.train)} & {map(source_of, parts.validation)}
    assert len({source_of(id_) for id_ in parts.validation}) == 2


def test_the_split_does_not_change_with_the_order_or_with_new_test_videos() -> None:
    videos = [Video(f"v{n}", is_abnormal=n % 2 == 0) for n in range(20)]
    more = [*reversed(videos), Video("v99", split="test")]
    assert divide(videos) == divide(more)


def test_test_videos_are_in_neither_part_and_a_given_validation_split_is_kept() -> None:
    videos = [
        *(Video(f"v{n}") for n in range(10)),
        Video("given", split="validation"),
        Video("secret", split="test"),
    ]
    parts = divide(videos)
    assert parts.validation == {"given"}
    assert "secret" not in parts.train
    assert len(parts.train) == 10


def test_of_three_videos_none_is_held_out() -> None:
    assert divide([Video(f"v{n}") for n in range(3)]).validation == frozenset()


def test_normal_videos_have_labels_without_anybody_marking_anything(tmp_path: Path) -> None:
    clips = some_clips(2, has_boundaries=True)
    corpus = load_corpus(featured(tmp_path, clips), "boundaries")
    by_id = {video.id: video for video in corpus.train}
    assert by_id["Normal000"].shares is not None
    assert not by_id["Normal000"].shares.any()
    shares = by_id["Fight000"].shares
    assert shares is not None
    assert np.flatnonzero(shares).tolist() == [2, 3, 4, 5, 6, 7]


def test_abnormal_videos_without_boundaries_are_left_out_by_name(tmp_path: Path) -> None:
    clips = [*some_clips(2, has_boundaries=True), Clip("Fight900", event=(1.0, 2.0))]
    corpus = load_corpus(featured(tmp_path, clips), "boundaries")
    assert corpus.left_out == {"Fight900": "abnormal, but no event of it is confirmed"}
    assert len(load_corpus(featured(tmp_path / "b", clips), "clicks").train) == 5


def test_without_features_the_next_step_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no features to train on; run `vau-data features`"):
        load_corpus(a_dataset(tmp_path), "video")


def test_features_of_two_widths_are_refused_by_name(tmp_path: Path) -> None:
    clips = some_clips(1)
    dataset = featured(tmp_path, [clips[0], replace(clips[1], width=9)])
    with pytest.raises(UsageError, match="Normal000: tests-1, 8 wide; Fight000: tests-1, 9 wide"):
        load_corpus(dataset, "video")


def test_training_without_normal_videos_or_without_clicks_is_refused(tmp_path: Path) -> None:
    only_fights = [clip for clip in some_clips(3) if clip.event]
    with pytest.raises(UsageError, match="there are 3 and 0 with features"):
        load_corpus(featured(tmp_path / "a", only_fights), "video")
    unclicked = some_clips(3, has_click=False)
    with pytest.raises(UsageError, match="no abnormal training video has a click"):
        load_corpus(featured(tmp_path / "b", unclicked), "clicks")
