"""Scores of snippets and labels of frames -> AUC, average precision, false alarms; exact.

The published evaluations repeat each score 16 times and sort a million frames. All frames of a
snippet have one score, so sorting snippets that carry their numbers of positive and negative
frames gives the same figures to the last digits, in a fortieth of the time.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.errors import UsageError

FRAMES_PER_SNIPPET = 16

Floats = NDArray[np.floating]
Counts = NDArray[np.int64]


@dataclass(frozen=True)
class ScoredSnippets:
    """Snippets of one or many videos, in any order; all arrays (N,)."""

    scores: Floats
    num_positive: Counts
    """Abnormal frames in each snippet."""
    num_negative: Counts
    """Normal frames in each snippet."""

    @classmethod
    def of_frames(
        cls, scores: Floats, labels: NDArray[np.generic], *, video_id: str
    ) -> "ScoredSnippets":
        """(N,) scores and (F,) labels, 1 = abnormal, of one video.

        Snippet i has the frames from 16 i on; the last one may be short. Raises `UsageError` naming
        the video where the number of frames does not fit the number of snippets, and where a
        score is no number.
        """
        num_wanted = -(-len(labels) // FRAMES_PER_SNIPPET)
        if len(scores) != num_wanted:
            raise UsageError(
                f"{video_id}: {len(labels)} labelled frames need {num_wanted} scores of "
                f"{FRAMES_PER_SNIPPET} frames each, but there are {len(scores)}; were labels and "
                "features made from the same file?"
            )
        if not np.isfinite(scores).all():
            place = int(np.flatnonzero(~np.isfinite(scores))[0])
            raise UsageError(f"{video_id}: the score of snippet {place} is {scores[place]}")
        starts = np.arange(0, len(labels), FRAMES_PER_SNIPPET)
        num_positive = np.add.reduceat((labels != 0).astype(np.int64), starts)
        num_frames = np.diff(np.append(starts, len(labels)))
        return cls(scores, num_positive, num_frames - num_positive)

    @classmethod
    def joined(cls, parts: Sequence["ScoredSnippets"]) -> "ScoredSnippets":
        """All snippets of several videos."""
        return cls(
            np.concatenate([part.scores for part in parts]),
            np.concatenate([part.num_positive for part in parts]),
            np.concatenate([part.num_negative for part in parts]),
        )


@dataclass(frozen=True)
class DetectionFigures:
    """What papers report, each under the name of what it is. None: it is not defined."""

    num_frames: int
    num_abnormal_frames: int
    roc_auc: float | None
    average_precision: float | None
    """Σ (R_n - R_n-1) P_n: what scikit-learn calls so."""
    pr_auc_trapezoid: float | None
    """Area under the precision-recall curve by trapezoids: UR-DMU's "AP", mostly larger."""
    false_alarm_rate: float | None
    """Share of normal frames with a score above the threshold."""


def detection_figures(snippets: ScoredSnippets, *, threshold: float = 0.5) -> DetectionFigures:
    """All figures of one set of snippets; without both kinds of frames the curves are None."""
    num_positive, num_negative = snippets.num_positive.sum(), snippets.num_negative.sum()
    has_both = num_positive > 0 and num_negative > 0
    true_alarms, false_alarms = _alarms_by_threshold(snippets)
    return DetectionFigures(
        num_frames=int(num_positive + num_negative),
        num_abnormal_frames=int(num_positive),
        roc_auc=_roc_auc(true_alarms, false_alarms) if has_both else None,
        average_precision=_average_precision(true_alarms, false_alarms) if has_both else None,
        pr_auc_trapezoid=_pr_auc_trapezoid(true_alarms, false_alarms) if has_both else None,
        false_alarm_rate=_false_alarm_rate(snippets, threshold) if num_negative else None,
    )


@dataclass(frozen=True)
class Curves:
    """Points at every distinct score, from the highest down; all arrays (K,)."""

    false_rates: Floats
    true_rates: Floats
    recalls: Floats
    precisions: Floats


def curves(snippets: ScoredSnippets) -> Curves:
    """ROC and precision-recall. Raises `UsageError` without both kinds of frames."""
    if not snippets.num_positive.sum() or not snippets.num_negative.sum():
        raise UsageError("curves need abnormal and normal frames; one of the two is missing")
    true_alarms, false_alarms = _alarms_by_threshold(snippets)
    precisions, recalls = _precisions_and_recalls(true_alarms, false_alarms)
    return Curves(
        false_rates=np.append(0, false_alarms) / false_alarms[-1],
        true_rates=np.append(0, true_alarms) / true_alarms[-1],
        recalls=recalls,
        precisions=precisions,
    )


def _alarms_by_threshold(snippets: ScoredSnippets) -> tuple[Counts, Counts]:
    """Frames at or above each distinct score, from the highest down: abnormal, normal."""
    order = np.argsort(-snippets.scores, kind="stable")
    scores = snippets.scores[order]
    is_last_of_equals = np.append(scores[1:] != scores[:-1], True)
    true_alarms = np.cumsum(snippets.num_positive[order])[is_last_of_equals]
    false_alarms = np.cumsum(snippets.num_negative[order])[is_last_of_equals]
    return true_alarms, false_alarms


def _roc_auc(true_alarms: Counts, false_alarms: Counts) -> float:
    true_rates = np.append(0, true_alarms) / true_alarms[-1]
    false_rates = np.append(0, false_alarms) / false_alarms[-1]
    return float(np.trapezoid(true_rates, false_rates))


def _average_precision(true_alarms: Counts, false_alarms: Counts) -> float:
    precisions, recalls = _precisions_and_recalls(true_alarms, false_alarms)
    return float(np.sum(np.diff(recalls) * precisions[1:]))


def _pr_auc_trapezoid(true_alarms: Counts, false_alarms: Counts) -> float:
    precisions, recalls = _precisions_and_recalls(true_alarms, false_alarms)
    return float(np.trapezoid(precisions, recalls))


def _precisions_and_recalls(true_alarms: Counts, false_alarms: Counts) -> tuple[Floats, Floats]:
    """The curve begins at recall 0 with precision 1, by convention."""
    num_alarms = true_alarms + false_alarms
    with np.errstate(invalid="ignore"):  # snippets without frames, if they come first
        precisions = np.where(num_alarms > 0, true_alarms / num_alarms, 1.0)
    return np.append(1.0, precisions), np.append(0.0, true_alarms / true_alarms[-1])


def _false_alarm_rate(snippets: ScoredSnippets, threshold: float) -> float:
    num_alarms = snippets.num_negative[snippets.scores > threshold].sum()
    return float(num_alarms / snippets.num_negative.sum())
