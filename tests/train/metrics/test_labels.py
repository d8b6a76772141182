from pathlib import Path

import numpy as np
import orjson
import pytest

from engine.errors import UsageError
from tests.train.golden import REFERENCE, needs_reference
from train.metrics.labels import AnnotatedVideo, read_annotations, read_frame_counts


@needs_reference
def test_published_frame_labels_follow_from_the_annotation_file() -> None:
    data = REFERENCE / "data" / "ucf_crime"
    annotations = read_annotations(data / "Temporal_Anomaly_Annotation.txt")
    counts = read_frame_counts(data / "frame_label_lengths.json")
    made = [annotations[video_id].frame_labels(count) for video_id, count in counts.items()]
    assert np.array_equal(np.concatenate(made), np.load(data / "frame_labels.npz")["labels"])


@needs_reference
@pytest.mark.parametrize(
    "name", ["annotations.txt", "annotations_multiclasses.txt", "annotations_with_suffixes.txt"]
)
def test_every_form_of_xd_violences_annotations_is_read(name: str) -> None:
    found = read_annotations(REFERENCE / "data" / "xd_violence" / name)
    assert len(found) >= 490
    assert all(video.is_abnormal and video.num_frames is None for video in found.values())
    first = found["v=S-7rRLrxnVQ__#1_label_B4-0-0"]
    assert first.intervals == ((0, 1517), (1970, 3038))
    assert first.categories == ("Riot",)


def test_labels_are_half_open_from_0_and_cut_at_the_end() -> None:
    video = AnnotatedVideo("v", None, True, (), ((1, 3), (6, 12)))
    assert video.frame_labels(8).tolist() == [0, 1, 1, 0, 0, 0, 1, 1]


def test_an_interval_far_beyond_the_video_is_another_files() -> None:
    with pytest.raises(UsageError, match="v: frames 6 to 60 are marked, but the video has 8"):
        AnnotatedVideo("v", None, True, (), ((6, 60),)).frame_labels(8)


@pytest.mark.parametrize("content", [[["a", 3]], {"a": 3}])
def test_frame_counts_are_an_object_or_pairs(tmp_path: Path, content: object) -> None:
    (tmp_path / "f.json").write_bytes(orjson.dumps(content))
    assert read_frame_counts(tmp_path / "f.json") == {"a": 3}


@pytest.mark.parametrize("content", [b"[1]", b'{"a": 0}', b'{"a": "b"}', b"3", b"{"])
def test_other_json_is_no_frame_counts(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "f.json").write_bytes(content)
    with pytest.raises(UsageError, match=r"f\.json must be JSON such as"):
        read_frame_counts(tmp_path / "f.json")


def test_an_empty_annotation_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("\n")
    with pytest.raises(UsageError, match="annotates no video"):
        read_annotations(tmp_path / "a.txt")
