"""The published HIVAU-70k test annotations, imported, give the published test instructions."""

import json
from collections import defaultdict
from collections.abc import Iterator

import pytest

from engine.exporters.hivau import in_release_order, raw_entry, single_rows
from engine.families.hivau import turns_for_clip, turns_for_summary
from engine.prompting import draw, question_pools, questions
from engine.sources.hivau import read_raw
from engine.sources.hivau_instructions import InstructionRow, read_instructions, rows_of_line
from engine.tree import VideoNode
from schemas import Instruction, Summary, Turn
from schemas.base import Granularity
from schemas.base import Span as SpanRecord
from tests.engine.sources.assembly import all_fit, node_of
from tests.engine.sources.builders import HUMAN
from tests.engine.sources.reference import needs_reference_data, reference

pytestmark = needs_reference_data

PUBLISHED_FUSED = (
    "Can you provide a brief description of the video?"
    "Briefly describe the main subjects and their actions in the video."
)


@pytest.fixture(scope="module")
def nodes() -> list[VideoNode]:
    imported = all_fit(read_raw(reference("hivau/ucf_database_test_part.json")))
    return [node_of(video) for video in imported]


@pytest.fixture(scope="module")
def published() -> list[InstructionRow]:
    return list(read_instructions(reference("hivau/merge_instruction_test_part.jsonl")))


def instructions_of(node: VideoNode) -> Iterator[Instruction]:
    video = node.video
    assert node.summary is not None
    whole = (video.id, video.start_seconds, video.end_seconds)
    yield instruction(node, whole, "video", summary_turns(node.summary, video.is_anomalous))
    for event in node.events:
        assert event.summary is not None
        turns = summary_turns(event.summary, event.event.is_anomalous)
        yield instruction(node, _segment(event.event), "event", turns)
        for clip in event.clips:
            assert clip.caption is not None
            yield instruction(
                node,
                _segment(clip.clip),
                "clip",
                turns_for_clip(clip.clip.id, clip.caption.text, draw),
            )


def summary_turns(summary: Summary, is_anomalous: bool | None) -> tuple[Turn, ...]:
    return turns_for_summary(summary, is_anomalous, draw)


def instruction(
    node: VideoNode,
    segment: tuple[str, float, float],
    granularity: Granularity,
    turns: tuple[Turn, ...],
) -> Instruction:
    segment_id, start, end = segment
    return Instruction(
        id=f"hivau:{segment_id}",
        video_id=node.video.id,
        start_seconds=start,
        end_seconds=end,
        segment_id=segment_id,
        granularity=granularity,
        family="hivau",
        is_anomalous=node.video.is_anomalous,
        turns=turns,
        provenance=HUMAN,
    )


def _segment(span: SpanRecord) -> tuple[str, float, float]:
    return span.id, span.start_seconds, span.end_seconds


def ours(nodes: list[VideoNode]) -> list[InstructionRow]:
    rows: list[InstructionRow] = []
    for node in nodes:
        for made in in_release_order(instructions_of(node)):
            for row in single_rows(node.video, made, start_id=len(rows), form="test"):
                rows.extend(rows_of_line(json.loads(json.dumps(row))))
    return rows


Answer = tuple[str, str | None, str, str]


def answers_by_video(rows: list[InstructionRow]) -> dict[str, set[Answer]]:
    by_video: dict[str, set[Answer]] = defaultdict(set)
    for row in rows:
        video_id = row.segment_id.partition("_x264")[0] + "_x264"
        by_video[video_id].add((row.granularity, row.task, row.video, row.answer))
    return by_video


def test_import_and_raw_export_give_the_published_file_byte_by_byte(
    nodes: list[VideoNode],
) -> None:
    published = reference("hivau/ucf_database_test_part.json").read_text(encoding="utf-8")
    exported = {node.video.id: raw_entry(node) for node in nodes}
    assert exported == json.loads(published)
    assert json.dumps(exported, indent=1, ensure_ascii=False) == published


def test_our_rows_answer_exactly_as_the_published_ones_without_their_duplicates(
    nodes: list[VideoNode], published: list[InstructionRow]
) -> None:
    our_answers = answers_by_video(ours(nodes))
    published_answers = answers_by_video(
        [row for row in published if row.video.startswith("ucf-crime/")]
    )
    in_both = our_answers.keys() & published_answers.keys()
    assert len(in_both) == 30
    assert {video: our_answers[video] for video in in_both} == {
        video: published_answers[video] for video in in_both
    }
    assert sum(len(our_answers[video]) for video in in_both) == 265


def test_no_row_of_ours_stands_twice_and_ids_count_up(nodes: list[VideoNode]) -> None:
    rows = ours(nodes)
    assert [row.id for row in rows] == list(range(len(rows)))
    assert len({(row.task, row.video) for row in rows}) == len(rows)


def test_every_question_of_ours_is_from_the_pool_of_its_task_and_label(
    nodes: list[VideoNode],
) -> None:
    is_anomalous = {node.video.id: node.video.is_anomalous for node in nodes}
    for row in ours(nodes):
        assert row.task is not None
        is_normal = not is_anomalous[row.segment_id.partition("_x264")[0] + "_x264"]
        pool = f"normal_{row.task}" if is_normal and row.task != "caption" else row.task
        assert row.question in questions(pool)


def test_all_published_questions_are_in_our_pools_but_for_the_fused_one(
    published: list[InstructionRow],
) -> None:
    known = {question for pool in question_pools() for question in questions(pool)}
    asked = {row.question.replace("’", "'") for row in published}
    assert asked - known == {PUBLISHED_FUSED}
