"""What our validators find in the published files, counted."""

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.quality.file_validation import read_against, report_on_file
from engine.quality.published import Against
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
    found = [defect for node in nodes for defect in validate_video(node)]
    assert count_by_code(found) == {
        "abnormal-judged-normal": 10,
        "clip-outside-event": 46,
        "clips-unsorted": 7,
        "duplicate-clip-window": 29,
        "event-past-video-end": 3,
        "near-duplicate-events": 5,
        "normal-judged-abnormal": 2,
        "overlapping-clip-windows": 82,
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
        defect.record_id
        for node in nodes
        for defect in validate_against_official(node, official[node.video.id])
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


def test_published_files_have_the_counts_that_are_known_of_them() -> None:
    against = read_against([reference("ucf_crime/UCF_Annotation.txt")])

    def counted(name: str) -> tuple[dict[str, int], dict[str, int]]:
        report = report_on_file(reference(name), against)
        return dict(report.counts), count_by_code(report.defects)

    assert counted("clicks/ucf_glance_annotations.csv") == (
        {"rows": 2026, "videos": 810, "rows without a click": 1},
        {"no-click-row": 1},
    )
    assert counted("clicks/xd_glance_annotations.csv") == (
        {"rows": 4278, "videos": 1905, "rows without a click": 0},
        {},
    )
    assert counted("ucf_crime/Temporal_Anomaly_Annotation.txt") == (
        {"videos": 290, "abnormal videos": 140, "intervals": 156},
        {"interval-past-video-end": 5},
    )
    assert counted("ucf_crime/UCF_Annotation.txt")[1] == {"interval-past-video-end": 5}
    assert counted("ucf_crime/Anomaly_Train.txt") == (
        {"videos": 1610, "official test videos": 0},
        {},
    )
    assert counted("clicks/ucf-crime.testing.csv")[0]["official test videos"] == 290


def test_published_xd_lists_have_14_stray_suffixes() -> None:
    counts = {
        name: count_by_code(report_on_file(reference(f"xd_violence/{name}"), Against()).defects)
        for name in (
            "annotations.txt",
            "annotations_with_suffixes.txt",
            "annotations_multiclasses.txt",
        )
    }
    assert counts["annotations.txt"] == {}
    assert counts["annotations_with_suffixes.txt"] == {"stray-suffix": 14}
    assert counts["annotations_multiclasses.txt"]["stray-suffix"] == 14


def test_uca_s_validation_captions_hold_22_official_test_videos() -> None:
    against = read_against([reference("ucf_crime/Temporal_Anomaly_Annotation.txt")])
    report = report_on_file(reference("uca/UCFCrime_Val.json"), against)
    assert count_by_code(report.defects) == {
        "human-captions-overlap": 126,
        "human-captions-unsorted": 38,
        "split-leak": 22,
        "text-outer-spaces": 172,
    }


def test_most_published_clicks_lie_inside_events() -> None:
    report = report_on_file(reference("clicks/ucf_train_click_vs_event_part.json"), Against())
    assert report.counts["clicks inside an event"] / report.counts["clicks"] == pytest.approx(
        0.778, abs=0.03
    )
    assert report.counts["events with a click"] / report.counts["events"] == pytest.approx(
        0.958, abs=0.01
    )


def test_spans_from_scores_could_be_held_to_the_published_clicks() -> None:
    against = read_against([reference("clicks/ucf_glance_annotations.csv")])
    assert sum(map(len, against.clicks.values())) == 2025


def test_published_raw_file_held_to_the_official_list_lost_two_events() -> None:
    against = read_against([reference("ucf_crime/Temporal_Anomaly_Annotation.txt")])
    report = report_on_file(reference("hivau/ucf_database_test_part.json"), against)
    lost = [defect.record_id for defect in report.defects if defect.code == "event-lost"]
    assert lost == ["Shooting047_x264", "Vandalism028_x264"]
