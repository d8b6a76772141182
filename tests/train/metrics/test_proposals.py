import pytest

from train.metrics.proposals import Proposal, ProposalFigures, proposal_figures


def figures(
    *proposals: tuple[float, float, float], **events: list[tuple[float, float]]
) -> ProposalFigures:
    """Of (start, end, confidence) in the one video `v`, and true stretches of it."""
    some = [Proposal((start, end), confidence) for start, end, confidence in proposals]
    return proposal_figures({"v": some}, {"v": events["v"]})


def test_an_exact_proposal_is_right_at_every_overlap() -> None:
    found = figures((0, 10, 0.5), v=[(0, 10)])
    assert set(found.average_precision.values()) == {1.0}
    assert found.mean == 1.0


def test_half_an_overlap_is_right_up_to_a_half() -> None:
    found = figures((0, 5, 0.5), v=[(0, 10)]).average_precision
    assert [found[limit] for limit in ("0.4", "0.5", "0.6")] == [1.0, 1.0, 0.0]


def test_a_second_proposal_for_the_same_event_is_a_false_alarm() -> None:
    found = figures((0, 10, 0.9), (0, 10, 0.8), (20, 30, 0.7), v=[(0, 10), (20, 30)])
    assert found.average_precision["0.5"] == pytest.approx((1 + 2 / 3) / 2)


def test_surer_false_alarms_cost_more() -> None:
    late = figures((0, 10, 0.9), (40, 50, 0.1), v=[(0, 10)]).mean
    early = figures((0, 10, 0.1), (40, 50, 0.9), v=[(0, 10)]).mean
    assert (late, early) == (1.0, 0.5)


def test_events_that_nothing_proposes_lower_the_figure() -> None:
    assert figures((0, 10, 0.9), v=[(0, 10), (50, 60)]).mean == 0.5
    assert figures(v=[(0, 10)]).mean == 0.0


def test_a_proposal_meets_events_of_its_own_video_only() -> None:
    found = proposal_figures({"a": [Proposal((0, 10), 0.5)]}, {"b": [(0, 10)]})
    assert found.mean == 0.0


def test_without_a_true_event_there_is_no_figure() -> None:
    found = figures((0, 10, 0.9), v=[])
    assert found.mean is None
    assert found.average_precision["0.5"] is None
