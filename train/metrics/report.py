"""Annotations and scores -> every figure that papers report, and a table of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.errors import UsageError
from engine.proposals import events_from_scores
from train.metrics.detection import (
    FRAMES_PER_SNIPPET,
    DetectionFigures,
    ScoredSnippets,
    detection_figures,
)
from train.metrics.labels import AnnotatedVideo
from train.metrics.proposals import Proposal, ProposalFigures, proposal_figures
from train.metrics.tracks import ScoredVideos, Scores


@dataclass(frozen=True)
class EvaluatedVideo:
    """One video: its labels lie under its scores."""

    annotated: AnnotatedVideo
    scores: Scores
    num_frames: int
    snippets: ScoredSnippets
    proposals: tuple[Proposal, ...]
    """In frames."""


@dataclass(frozen=True)
class VideoLine:
    """How many frames one video should have and has scores for."""

    video_id: str
    num_frames_expected: int
    num_frames_scored: int
    num_abnormal_frames: int
    roc_auc: float | None


@dataclass(frozen=True)
class DetectionReport:
    """All figures of one evaluation."""

    num_videos: int
    num_abnormal_videos: int
    all_videos: DetectionFigures
    abnormal_videos: DetectionFigures | None
    normal_videos: DetectionFigures | None
    """Only its false-alarm rate is defined."""
    by_category: dict[str, DetectionFigures]
    """Of the abnormal videos of each class; a video of several counts in each."""
    proposals: ProposalFigures
    videos: tuple[VideoLine, ...]


def line_up(
    annotated: Sequence[AnnotatedVideo],
    scored: ScoredVideos,
    *,
    frame_counts: Mapping[str, int],
    path: Path,
) -> list[EvaluatedVideo]:
    """Each video's labels under its scores.

    How many frames a video has is said by `frame_counts`, else by the annotation file, else by
    the dataset. Raises `UsageError` naming the videos whose scores do not fit that number, or of
    which nobody says it.
    """
    counts = {}
    for video in annotated:
        known = (frame_counts.get(video.id), video.num_frames, scored.num_frames.get(video.id))
        counts[video.id] = next((count for count in known if count), 0)
    _refuse_uncounted([id_ for id_, count in counts.items() if not count], path)
    _refuse_misfits(
        [
            (id_, count, len(scored.scores[id_]))
            for id_, count in counts.items()
            if len(scored.scores[id_]) != -(-count // FRAMES_PER_SNIPPET)
        ]
    )
    return [_evaluated(video, scored.scores[video.id], counts[video.id]) for video in annotated]


def report_on(videos: Sequence[EvaluatedVideo], *, threshold: float = 0.5) -> DetectionReport:
    """All figures; false alarms are normal frames with a score above the threshold."""
    abnormal = [video for video in videos if video.annotated.is_abnormal]
    normal = [video for video in videos if not video.annotated.is_abnormal]
    categories = sorted({name for video in abnormal for name in video.annotated.categories})
    every = _figures(videos, threshold)
    if every is None:
        raise UsageError("there is no video to evaluate")
    by_category = {
        name: _figures([v for v in abnormal if name in v.annotated.categories], threshold)
        for name in categories
    }
    return DetectionReport(
        num_videos=len(videos),
        num_abnormal_videos=len(abnormal),
        all_videos=every,
        abnormal_videos=_figures(abnormal, threshold),
        normal_videos=_figures(normal, threshold),
        by_category={name: found for name, found in by_category.items() if found is not None},
        proposals=proposal_figures(
            {video.annotated.id: video.proposals for video in videos},
            {video.annotated.id: _events(video) for video in videos},
        ),
        videos=tuple(_line(video) for video in videos),
    )


def _evaluated(video: AnnotatedVideo, scores: Scores, num_frames: int) -> EvaluatedVideo:
    labels = video.frame_labels(num_frames)
    return EvaluatedVideo(
        annotated=video,
        scores=scores,
        num_frames=num_frames,
        snippets=ScoredSnippets.of_frames(scores, labels, video_id=video.id),
        proposals=_proposals(scores, num_frames),
    )


def _proposals(scores: Scores, num_frames: int) -> tuple[Proposal, ...]:
    """Where a score track stands out; as sure as its highest score there."""
    starts = np.arange(len(scores), dtype=np.float64) * FRAMES_PER_SNIPPET
    found = events_from_scores(scores, starts, end_seconds=num_frames)
    return tuple(
        Proposal((start, end), float(scores[(starts >= start) & (starts < end)].max()))
        for start, end in found
    )


def _events(video: EvaluatedVideo) -> list[tuple[float, float]]:
    return [
        (float(start), float(min(end, video.num_frames)))
        for start, end in video.annotated.intervals
    ]


def _figures(videos: Sequence[EvaluatedVideo], threshold: float) -> DetectionFigures | None:
    if not videos:
        return None
    joined = ScoredSnippets.joined([video.snippets for video in videos])
    return detection_figures(joined, threshold=threshold)


def _line(video: EvaluatedVideo) -> VideoLine:
    figures = detection_figures(video.snippets)
    return VideoLine(
        video_id=video.annotated.id,
        num_frames_expected=video.num_frames,
        num_frames_scored=len(video.scores) * FRAMES_PER_SNIPPET,
        num_abnormal_frames=figures.num_abnormal_frames,
        roc_auc=figures.roc_auc,
    )


def _refuse_uncounted(ids: Sequence[str], path: Path) -> None:
    if ids:
        more = f" and {len(ids) - 1} more" if len(ids) > 1 else ""
        raise UsageError(
            f"how many frames has {ids[0]}{more}? {path.name} does not say; give "
            "--frames FILE.json, or the scores of a dataset that holds the videos"
        )


def _refuse_misfits(misfits: Sequence[tuple[str, int, int]]) -> None:
    if not misfits:
        return
    told = "; ".join(
        f"{id_}: expected {count} frames, which are {-(-count // FRAMES_PER_SNIPPET)} snippets, "
        f"got {got} scores, which are {got * FRAMES_PER_SNIPPET} frames"
        for id_, count, got in misfits[:3]
    )
    more = f"; and {len(misfits) - 3} more videos" if len(misfits) > 3 else ""
    raise UsageError(
        f"labels and scores do not line up: {told}{more}. Are they of the same files? Published "
        "labels leave a last short snippet out where features have it: then --frames FILE.json "
        "must give the labels' number of frames, and the scores lose their last"
    )


def as_markdown(report: DetectionReport) -> str:
    """Tables for people."""
    groups: Iterable[tuple[str, DetectionFigures | None]] = [
        ("all videos", report.all_videos),
        ("abnormal videos only", report.abnormal_videos),
        ("normal videos only", report.normal_videos),
        *report.by_category.items(),
    ]
    lines = [
        f"{report.num_videos} videos, {report.num_abnormal_videos} of them abnormal; every "
        "video's scores fit its number of frames.\n",
        "| | frames | abnormal | ROC AUC | average precision | PR AUC, trapezoid "
        '(UR-DMU\'s "AP") | false alarms at 0.5 |',
        "| --- | --- | --- | --- | --- | --- | --- |",
        *(_row(name, found) for name, found in groups if found is not None),
        "",
        f"Proposals: {report.proposals.num_proposals} for {report.proposals.num_events} events, "
        "without categories.\n",
        "| tIoU | " + " | ".join(report.proposals.average_precision) + " | mean |",
        "| --- |" + " --- |" * (len(report.proposals.average_precision) + 1),
        "| AP | "
        + " | ".join(map(_number, report.proposals.average_precision.values()))
        + f" | {_number(report.proposals.mean)} |",
    ]
    return "\n".join(lines) + "\n"


def _row(name: str, found: DetectionFigures) -> str:
    figures = (
        found.roc_auc,
        found.average_precision,
        found.pr_auc_trapezoid,
        found.false_alarm_rate,
    )
    told = " | ".join(map(_number, figures))
    return f"| {name} | {found.num_frames:,} | {found.num_abnormal_frames:,} | {told} |"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
