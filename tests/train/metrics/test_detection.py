import numpy as np
import pytest

from engine.errors import UsageError
from tests.train.golden import REFERENCE, figures, needs_reference
from train.metrics.detection import DetectionFigures, ScoredSnippets, detection_figures


def of(scores: list[float], labels: list[int]) -> DetectionFigures:
    """Figures of one video whose snippets are wholly of one kind."""
    frames = np.repeat(np.array(labels), 16)
    return detection_figures(ScoredSnippets.of_frames(np.array(scores), frames, video_id="v"))


@needs_reference
def test_the_figures_are_those_of_a_million_repeated_scores() -> None:
    labels = np.load(REFERENCE / "data" / "ucf_crime" / "frame_labels.npz")["labels"]
    noise = np.random.Generator(np.random.PCG64(5)).random(len(labels) // 16)
    scores = (0.5 * labels.reshape(-1, 16).mean(1) + noise).astype(np.float32)
    found = detection_figures(ScoredSnippets.of_frames(scores, labels, video_id="all"))
    wanted = figures()["metrics_ucf"]
    assert (found.num_frames, found.num_abnormal_frames) == (wanted["frames"], wanted["positives"])
    assert found.roc_auc == pytest.approx(wanted["roc_auc"], abs=1e-9)
    assert found.average_precision == pytest.approx(wanted["average_precision_score"], abs=1e-9)
    trapezoid = wanted["ap_pr_trapz(UR-DMU definition)"]
    assert found.pr_auc_trapezoid == pytest.approx(trapezoid, abs=1e-9)


def test_scores_that_tell_all_apart_are_perfect() -> None:
    found = of([0.9, 0.8, 0.2, 0.1], [1, 1, 0, 0])
    assert (found.roc_auc, found.average_precision, found.pr_auc_trapezoid) == (1.0, 1.0, 1.0)
    assert found.false_alarm_rate == 0.0


def test_one_score_for_all_is_chance() -> None:
    """Ties count as one threshold, in whatever order they stand."""
    found = of([0.7, 0.7, 0.7, 0.7], [1, 0, 0, 0])
    assert found.roc_auc == 0.5
    assert found.average_precision == 0.25
    assert found.false_alarm_rate == 1.0


def test_the_two_meanings_of_ap_differ_on_coarse_scores() -> None:
    """The trap: a trapezoid draws a line between far points that no threshold reaches."""
    found = of([1.0, 0.5, 0.5, 0.0], [1, 1, 0, 0])
    assert found.average_precision == pytest.approx(0.5 + 0.5 * 2 / 3)
    assert found.pr_auc_trapezoid == pytest.approx(0.5 + 0.5 * (1 + 2 / 3) / 2)


def test_frames_of_a_snippet_may_be_of_both_kinds_and_the_last_snippet_short() -> None:
    labels = np.array([0] * 8 + [1] * 8 + [1] * 3)
    snippets = ScoredSnippets.of_frames(np.array([0.2, 0.9]), labels, video_id="v")
    assert snippets.num_positive.tolist() == [8, 3]
    assert snippets.num_negative.tolist() == [8, 0]


def test_without_abnormal_frames_there_are_no_curves_but_false_alarms() -> None:
    found = of([0.9, 0.1], [0, 0])
    assert (found.roc_auc, found.average_precision, found.pr_auc_trapezoid) == (None, None, None)
    assert found.false_alarm_rate == 0.5


def test_labels_that_do_not_line_up_with_the_scores_are_refused_by_name() -> None:
    with pytest.raises(UsageError, match=r"Abuse001: 33 labelled frames need 3 scores .* are 2"):
        ScoredSnippets.of_frames(np.zeros(2), np.zeros(33), video_id="Abuse001")


def test_a_score_that_is_no_number_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match="Abuse001: the score of snippet 1 is nan"):
        ScoredSnippets.of_frames(np.array([0.0, np.nan]), np.zeros(32), video_id="Abuse001")
