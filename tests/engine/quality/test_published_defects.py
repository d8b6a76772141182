"""What our validators find in the published files, counted."""

import numpy as np
from numpy.typing import NDArray

from engine.quality.validators import (
    count_by_code,
    validate_against_official,
    validate_human_captions,
    validate_instruction_rows,
    validate_video,
)
from engine.sources.hivau import read_raw
from engine.sources.hivau_instructions import read_instructions
from engine.sources.official import read_official
from engine.sources.uca import read_uca
from engine.tree import VideoNode
from schemas import Event, HumanCaption, Video
from tests.engine.sources.assembly import all_fit, node_of
from tests.engine.sources.builders import a_video
from tests.engine.sources.reference import needs_reference_data, reference

pytestmark = needs_reference_data


def published_nodes() -> list[VideoNode]:
    path = reference("hivau/ucf_database_test_part.json")
    return [node_of(video) for video in all_fit(read_raw(path))]


def test_published_annotations_have_these_defects() -> None:
    nodes = published_nodes()
    found = [finding for node in nodes for finding in validate_video(node)]
    assert count_by_code(found) == {
        "abnormal-judged-normal": 10,
        "clip-outside-event": 46,
        "clips-unsorted": 7,
        "duplicate-clip-window": 29,
        "event-past-video-end": 3,
        "near-duplicate-events": 5,
        "normal-judged-abnormal": 2,
        "overlapping-clip-windows": 82,
        "repeated-caption": 20,
    }
    negative_events = [
        f for f in found if f.code == "abnormal-judged-normal" and "_E" in f.record_id
    ]
    assert len(negative_events) == 7


def test_published_annotations_lost_two_official_events() -> None:
    nodes = published_nodes()
    path = reference("ucf_crime/Temporal_Anomaly_Annotation.txt")
    official = {
        video.video_id: [record for record in video.records if isinstance(record, Event)]
        for video in all_fit(read_official(path, videos={}, frame_times_of=_no_times))
    }
    lost = [
        finding.record_id
        for node in nodes
        for finding in validate_against_official(node, official[node.video.id])
    ]
    assert lost == ["Shooting047_x264", "Vandalism028_x264"]


def _no_times(video: Video) -> NDArray[np.float64]:
    raise AssertionError(f"the times of {video.id} were asked for")


def test_published_instructions_have_these_defects() -> None:
    rows = list(read_instructions(reference("hivau/merge_instruction_test_part.jsonl")))
    assert count_by_code(validate_instruction_rows(rows)) == {
        "abnormal-judged-normal": 13,
        "clips-repeated-under-each-event": 45,
        "duplicate-row": 886,
        "fused-questions": 73,
        "misspelt-answer-key": 2022,
        "normal-asked-for-anomaly": 80,
    }


def test_published_human_captions_are_unsorted_in_38_videos() -> None:
    unsorted = []
    for video in all_fit(read_uca(reference("uca/UCFCrime_Val.json"))):
        captions = [record for record in video.records if isinstance(record, HumanCaption)]
        long_enough = a_video(video.video_id, end_seconds=1e6)
        unsorted += list(validate_human_captions(long_enough, captions))
    assert count_by_code(unsorted) == {"human-captions-unsorted": 38}
